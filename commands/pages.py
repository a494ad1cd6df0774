"""The web application made of one installation's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.demo.stage import Stage, last_progress
from commands.house import House
from web.application import create_web
from web.services import Services

if TYPE_CHECKING:
    from flask import Flask


def create_pages(house: House) -> Flask:
    """The pages of this installation; the demo's only where `renrakumo demo` asked for them."""
    settings = house.settings
    token = settings.metrics_token
    services = Services(
        database=house.database,
        channels=house.channels,
        public_url=settings.public_url,
        board_id=house.board_id,
        secret=settings.secret(),
        metrics_token=token.get_secret_value() if token else "",
        trusted_proxies=settings.trusted_proxies,
        **_demo(house),
    )
    return create_web(services)


def _demo(house: House) -> dict[str, object]:
    if house.settings.demo_file is None:
        return {}
    stage = Stage.load(house.settings.demo_file)
    return {
        "demo": True,
        "demo_phones": stage.phones,
        "demo_school_id": stage.school_id,
        "inbox": stage.mailbox().seen_after,
        "progress": lambda: last_progress(house.database, house.board_id),
    }
