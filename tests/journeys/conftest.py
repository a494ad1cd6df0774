"""What journeys share: the nursery of the processes that they kill, and a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.journeys.nursery import Nursery
from tests.journeys.nursery import nursery as opened_nursery
from tests.web.live import browser


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with opened_nursery() as opened:
        yield opened


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all pages; whoever looks has a context of their own."""
    with browser() as opened:
        yield opened
