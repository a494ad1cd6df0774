"""The images of broadcasts, under addresses that nobody can guess and that never change."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from domain import paths
from storage.pages import picture_file
from web import links
from web.context import services
from web.routes import authenticated

pages = Blueprint("pictures", __name__)


@pages.get("/pictures/<token>")
@authenticated("a sealed token that names the image")
def show(token: str) -> Response:
    """The bytes, kept by a browser for some minutes: what is withdrawn must go."""
    numbers = links.read(paths.PICTURE, token, 2)
    if numbers is None:
        raise NotFound
    with services().database.reading() as tx:
        file = picture_file(tx, numbers[0], small=numbers[1] == paths.SMALL)
    if file is None:
        raise NotFound
    answer = Response(file.data, content_type=file.media_type)
    answer.headers["Cache-Control"] = "private, max-age=300"
    return answer
