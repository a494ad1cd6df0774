"""A scripted Bot API and a channel that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.telegram.channel import TelegramChannel
from tests.channels.telegram.api import Api, Time, channel_at, running_api


@pytest.fixture
def api() -> Iterator[Api]:
    with running_api() as api:
        yield api


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def channel(api: Api, time: Time) -> Iterator[TelegramChannel]:
    with channel_at(api.url, time) as channel:
        yield channel
