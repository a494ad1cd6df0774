"""What a person sees when something goes wrong: kind words, and nothing of the inside."""

from __future__ import annotations

import traceback

import structlog
from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from web.context import t
from web.security import OWN_PAGE

log = structlog.get_logger()
_KNOWN = {400, 403, 404, 405, 413, 429, 500}


class QuietFlask(Flask):
    """Flask logs the path of a request that failed, and ours hold personal tokens."""

    def log_exception(self, exc_info: object) -> None:
        """Log what failed and where, but no path and no message, which may hold an address."""
        kind, _, trace = exc_info if isinstance(exc_info, tuple) else (None, None, None)
        log.error(
            "request failed",
            endpoint=request.endpoint,
            error=getattr(kind, "__name__", "unknown"),
            where=[f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)],
        )


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, _page)
    app.register_error_handler(InternalServerError, _page)


def _page(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    code = error.code if error.code in _KNOWN else 400 if error.code < 500 else 500
    if request.headers.get(OWN_PAGE):
        answer = jsonify(problem=t(f"web.failure.{code}.title"))
    else:
        answer = make_response(render_template("failure.html", code=code))
    answer.status_code = error.code
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer
