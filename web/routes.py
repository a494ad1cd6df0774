"""Who may call a route: said beside each one, checked when the application starts.

A route is either `authenticated` (it says by what) or `public` on purpose (it says why). One
that says neither stops the application from starting, so that none is open by oversight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Right:
    """How a route is guarded, in a sentence."""

    kind: Literal["authenticated", "public"]
    sentence: str


def authenticated(by: str) -> Callable[[View], View]:
    """Mark a view whose caller proves a right: a cookie, a sealed token, a bearer token."""
    return _mark(Right("authenticated", by))


def public(because: str) -> Callable[[View], View]:
    """Mark a view that is open to anybody, with the reason why that is right."""
    return _mark(Right("public", because))


def right_of(view: Callable[..., Any]) -> Right | None:
    right = getattr(view, "right", None)
    return right if isinstance(right, Right) else None


def rights(app: Flask) -> dict[str, Right | None]:
    """Every route of the application, as "METHODS /path", with its right."""
    return {
        f"{' '.join(sorted(rule.methods or ()))} {rule.rule}": right_of(
            app.view_functions[rule.endpoint]
        )
        for rule in app.url_map.iter_rules()
    }


def check(app: Flask) -> None:
    """Raise LookupError naming the routes that nobody marked."""
    unmarked = [route for route, right in rights(app).items() if right is None]
    if unmarked:
        raise LookupError(f"neither authenticated nor public on purpose: {', '.join(unmarked)}")


def _mark(right: Right) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        return view

    return mark
