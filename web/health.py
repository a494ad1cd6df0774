"""Whether the process lives, whether it can serve, and what it counts."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

import structlog
from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import NotFound

from delivery.metrics import in_the_database
from storage import migrate
from web.context import services
from web.routes import authenticated, public

log = structlog.get_logger()
pages = Blueprint("health", __name__)

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


@pages.get("/healthz")
@public("A supervisor asks whether the process lives; the answer holds no data.")
def alive() -> Response:
    return jsonify(alive=True)


@pages.get("/readyz")
@public("A load balancer asks whether to send requests here; the answer is yes or no.")
def ready() -> tuple[Response, int]:
    able = _database_ready()
    return jsonify(ready=able), 200 if able else 503


@pages.get("/metrics")
@authenticated("the bearer token of the metrics, or a connection from this machine itself")
def metrics() -> Response:
    if not (_has_token() or _is_local()):
        raise NotFound
    counted = generate_latest(_registry()) + _stored()
    return Response(counted, content_type=CONTENT_TYPE_LATEST)


def _stored() -> bytes:
    """What the database knows; without one, what is counted is still worth reading."""
    try:
        return generate_latest(in_the_database(services().database))
    except Exception as error:
        log.warning("database not reachable", error=type(error).__name__)
        return b""


def _registry() -> CollectorRegistry:
    """What all processes count together under `renrakumo run`; else what this one counts."""
    folder = services().metrics_dir
    if folder is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return registry


def _database_ready() -> bool:
    try:
        return migrate.is_current(services().database)
    except Exception as error:
        # Whatever the driver raises, the answer is the same: not ready.
        log.warning("database not reachable", error=type(error).__name__)
        return False


def _has_token() -> bool:
    token = services().metrics_token
    given = request.headers.get("Authorization", "").encode()
    return bool(token) and hmac.compare_digest(given, f"Bearer {token}".encode())


def _is_local() -> bool:
    """A proxy on this machine is local too, so a request that was forwarded does not count."""
    before_proxies = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    try:
        peer = ip_address(before_proxies.get("REMOTE_ADDR") or "")
    except ValueError:
        return False
    return peer.is_loopback and not any(name in request.headers for name in _FORWARDED)
