"""Webhooks: what a provider tells us is verified, stored and acknowledged; all else comes later.

A provider waits for the answer and sends again what it was not told is stored. So there is at most
one writing transaction and nothing else, not even a read.
"""

from __future__ import annotations

import hashlib
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import Counter, Histogram
from werkzeug.exceptions import RequestEntityTooLarge

from channels.base import Channel, Incoming, RawRequest, Webhooked
from storage.gathering import Gathering
from web.context import services
from web.routes import authenticated

log = structlog.get_logger()
pages = Blueprint("webhooks", __name__, url_prefix="/webhooks")

BODY_LIMIT = 2 * 1024 * 1024

ACKNOWLEDGING = Histogram(
    "renrakumo_webhook_seconds",
    "Time from a webhook's request to its answer.",
    ["channel"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
REQUESTS = Counter(
    "renrakumo_webhooks_total", "Webhook requests, by the status answered.", ["channel", "status"]
)
EVENTS = Counter(
    "renrakumo_webhook_events_total",
    "Events in webhooks, with duplicates; unserved ones are not kept.",
    ["channel", "kind"],
)


_GATHERING = "webhooks.gathering"


def install(app: Flask) -> None:
    """Let the requests of one process be stored together."""
    app.register_blueprint(pages)
    app.extensions[_GATHERING] = Gathering(services().database, services().board_id)


class _Headers(Mapping[str, str]):
    """The headers of the current request, whatever their case."""

    def __getitem__(self, name: str) -> str:
        return request.headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(request.headers.keys())

    def __len__(self) -> int:
        return len(request.headers)


@pages.post("/<name>", defaults={"account": ""})
@pages.post("/<name>/<account>")
@authenticated("the provider's signature over the raw body")
def webhook(name: str, account: str) -> Response:
    """Take in one request of a provider, for one of its accounts."""
    channel = services().channels.get(name)
    # Web chat has pages of its own, and mail comes by SMTP.
    if channel is None or not isinstance(channel, Webhooked):
        return Response(status=404)
    with ACKNOWLEDGING.labels(name).time():
        answer = _taken_in(channel, account)
    REQUESTS.labels(name, answer.status_code).inc()
    return answer


def _taken_in(channel: Channel, account: str) -> Response:
    request.max_content_length = BODY_LIMIT
    try:
        raw = RawRequest(_Headers(), request.get_data(cache=False), account)
    except RequestEntityTooLarge:
        return Response(status=413)
    if not channel.verify(raw):
        return Response(status=403)
    if not _kept(channel, _events(channel, raw)):
        return Response(status=503)
    return Response(channel.acknowledge(raw), mimetype="application/json")


def _events(channel: Channel, raw: RawRequest) -> Sequence[Incoming]:
    """The events of a request; one that breaks the parser is kept whole for a person to see."""
    try:
        return channel.parse(raw)
    except Exception as error:
        log.error("webhook.not_parsed", channel=channel.name, error=type(error).__name__)
        return (_unknown(channel, raw),)


def _unknown(channel: Channel, raw: RawRequest) -> Incoming:
    return Incoming(
        channel=channel.name,
        account=raw.account or channel.accounts[0],
        event_id=hashlib.sha256(raw.body).hexdigest(),
        sender="",
        kind="unknown",
        at=datetime.now(UTC),
        raw=raw.body,
    )


def _kept(channel: Channel, events: Sequence[Incoming]) -> bool:
    """Store the events in one transaction; False if that fails, so that they are sent again."""
    for kind, count in Tally(event.kind for event in events).items():
        EVENTS.labels(channel.name, kind).inc(count)
    wanted = [event for event in events if event.kind != "unserved"]
    try:
        if wanted:
            gathering: Gathering = current_app.extensions[_GATHERING]
            gathering.store(wanted)
    except Exception as error:
        # Whatever the driver raises, the provider is told the same: not stored.
        log.error("webhook.not_stored", channel=channel.name, error=type(error).__name__)
        return False
    return True
