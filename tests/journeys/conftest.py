"""The nursery of the processes that journeys kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.nursery import Nursery
from tests.journeys.nursery import nursery as opened_nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with opened_nursery() as opened:
        yield opened
