"""Which guide helps somebody whose mail does not arrive."""

from __future__ import annotations

from domain import guides, paths


def guide_path(domain: str) -> str:
    """The page for the carrier of a mail domain; the general one where it has none."""
    return paths.guide(guides.guide_of(domain).name)
