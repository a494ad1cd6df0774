"""What protects every page: headers, the origin of requests, limits and the real client."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.proxy_fix import ProxyFix

from web.context import services
from web.services import Services

BODY_LIMIT = 16 * 1024 * 1024
# A form of another site cannot set a header, and its script may not without our consent.
OWN_PAGE = "X-Renrakumo"
_YEAR = 365 * 24 * 3600
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "font-src 'self'",
    "manifest-src 'self'",
    "frame-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
    "require-trusted-types-for 'script'",
)

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=False)


def protect(app: Flask, services: Services) -> None:
    """Put all of this around an application."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    if services.trusted_proxies:
        count = services.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]
    limiter.init_app(app)
    app.after_request(_headers)


def allow_images(*sources: str) -> None:
    """Let this answer show images from further sources, such as the reader's own camera."""
    g.image_sources = sources


def allow_form_targets(*origins: str) -> None:
    """Let the forms of this answer lead on to other sites.

    Browsers hold a redirect after a form to the same rule as the form (CSP 3, form-action).
    """
    g.form_targets = origins


def require_own_form() -> None:
    """Refuse a form that another site sent.

    Our pages send no referrer, so their forms carry `Origin: null` (Fetch, "append a request
    Origin header"); only a browser too old for Sec-Fetch-Site is trusted with that.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in {None, "same-origin"}:
        raise Forbidden
    if origin not in {None, "null"} and not _same_origin(origin):
        raise Forbidden


def require_own_page() -> None:
    """Refuse a request that one of our own pages did not make (CSRF)."""
    if not request.headers.get(OWN_PAGE):
        raise Forbidden
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site != "same-origin" or not _same_origin(request.headers.get("Origin")):
        raise Forbidden


def _same_origin(origin: str | None) -> bool:
    if origin is None:
        return True
    ours = {urlsplit(services().public_url).netloc, request.host}
    try:
        return urlsplit(origin).netloc in ours
    except ValueError:
        return False


def _headers(response: Response) -> Response:
    images = " ".join(("img-src 'self'", *g.get("image_sources", ())))
    forms = " ".join(("form-action 'self'", *g.get("form_targets", ())))
    headers = response.headers
    headers["Content-Security-Policy"] = "; ".join((*_POLICY, images, forms))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "SAMEORIGIN"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "geolocation=(), microphone=(), payment=()"
    headers["X-Robots-Tag"] = "noindex, nofollow"
    headers.setdefault("Cache-Control", "private, no-cache")
    if services().https:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"
    return response
