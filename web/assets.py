"""Our own style sheets and scripts, each under an address that changes with its content."""

from __future__ import annotations

import hashlib
from functools import cache
from mimetypes import guess_type
from pathlib import Path

from flask import Blueprint, Flask, Response, request, url_for
from werkzeug.exceptions import NotFound

from web.routes import public

STATIC = Path(__file__).parent / "static"
_NAMES = frozenset(path.name for path in STATIC.iterdir())
_FOREVER = "public, max-age=31536000, immutable"

pages = Blueprint("assets", __name__)


def install(app: Flask) -> None:
    app.register_blueprint(pages)
    app.jinja_env.globals.update(asset=asset)


def asset(name: str) -> str:
    """The address of a file in `static`."""
    return url_for("assets.file", name=name, v=version(name))


@cache
def _content(name: str) -> bytes:
    return (STATIC / name).read_bytes()


@cache
def version(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:12]


@pages.get("/static/<name>")
@public("Style sheets, scripts and symbols are the same for everybody and hold no data.")
def file(name: str) -> Response:
    if name not in _NAMES:
        raise NotFound
    answer = Response(_content(name), content_type=guess_type(name)[0])
    exact = request.args.get("v") == version(name)
    answer.headers["Cache-Control"] = _FOREVER if exact else "public, max-age=300"
    return answer


@pages.get("/favicon.ico")
@public("Browsers ask for it unasked; it holds no data.")
def favicon() -> Response:
    return file("icon.svg")
