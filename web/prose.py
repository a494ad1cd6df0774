"""What people wrote, as HTML: escaped, with its addresses made into links."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# Addresses are ASCII: Japanese words that follow without a space are no part of one.
_ADDRESS = re.compile(r"(https?://[\w\-.~:/?#@!$&*+,;=%]*[\w\-~/#&=+])", re.ASCII)


def linked(text: str) -> Markup:
    """Escape a text and link the addresses in it."""
    parts = _ADDRESS.split(text)
    return Markup("").join(
        _link(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def _link(address: str) -> Markup:
    return Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(address)
