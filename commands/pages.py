"""What the web application gets of one installation's parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.utils import parseaddr
from urllib.parse import urlsplit

from channels.base import Channel
from commands.demo.cast import VISITOR
from commands.demo.looks import looks, mails
from commands.demo.stage import Stage, last_progress
from commands.doors import Doors
from commands.house import House
from settings import LINE_API
from web.join import APPS
from web.services import Services


def services_of(house: House) -> Services:
    """The parts that the pages need; the demo's only where `renrakumo demo` asked for them."""
    settings = house.settings
    token = settings.metrics_token
    services = Services(
        database=house.database,
        channels=house.channels,
        public_url=settings.public_url,
        board_id=house.board_id,
        secret=settings.secret(),
        metrics_token=token.get_secret_value() if token else "",
        metrics_dir=settings.metrics_dir if settings.metrics_dir.is_dir() else None,
        trusted_proxies=settings.trusted_proxies,
        mail_from=parseaddr(settings.mail_from or "")[1],
        link=_doors(house.channels).link,
        link_origins=_link_origins(settings.line_api_url),
    )
    return services if settings.demo_file is None else _on_stage(house, services)


def _on_stage(house: House, services: Services) -> Services:
    assert house.settings.demo_file is not None
    stage = Stage.load(house.settings.demo_file)
    return replace(
        services,
        demo=True,
        demo_phones={name: ways["webchat"] for name, ways in stage.phones.items()},
        demo_looks=looks(stage),
        demo_mail=mails(stage),
        demo_shows=stage.plays_on,
        demo_mail_address=stage.mails_to[VISITOR],
        demo_school_id=stage.school_id,
        inbox=stage.mailbox().seen_after,
        progress=lambda: last_progress(house.database, house.board_id),
    )


def _doors(channels: Mapping[str, Channel]) -> Doors:
    doors = Doors({name: channels[name] for name in APPS if name in channels})
    doors.start()
    return doors


def _link_origins(api_url: str) -> tuple[str, ...]:
    """Where account linking may send a browser: LINE's own dialog, or the stand-in's."""
    if api_url == LINE_API:
        return ("https://access.line.me",)
    theirs = urlsplit(api_url)
    return (f"{theirs.scheme}://{theirs.netloc}",)
