"""Every rig, by name, against stand-ins that run once and are empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.base import Channel
from storage.database import Database
from tests.channels.contract.providers import NOW, Providers, running
from tests.channels.contract.rig import Counts, Fails, Leaves, Sends, Talks
from tests.channels.contract.rigs.email import EmailRig
from tests.channels.contract.rigs.line import LineRig
from tests.channels.contract.rigs.telegram import TelegramRig
from tests.channels.contract.rigs.webchat import WebchatRig
from tests.channels.contract.stage import Stage, open_stage
from tests.databases import Clock


@pytest.fixture(scope="session")
def started_providers() -> Iterator[Providers]:
    with running() as providers:
        yield providers


@pytest.fixture
def providers(started_providers: Providers) -> Providers:
    started_providers.reset()
    return started_providers


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def email(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> EmailRig:
    # Mail rests for seconds where it was refused.
    monkeypatch.setattr("domain.pacing.PAUSE", 0.05)
    return EmailRig(providers.smtp)


@pytest.fixture
def line(providers: Providers) -> LineRig:
    return LineRig(providers.line)


@pytest.fixture
def telegram(providers: Providers) -> TelegramRig:
    return TelegramRig(providers.telegram)


@pytest.fixture
def webchat(providers: Providers) -> WebchatRig:
    return WebchatRig(providers.server)


# A new channel is one fixture above and its name in these lists.


@pytest.fixture(params=["email", "line", "telegram", "webchat"])
def sends(request: pytest.FixtureRequest) -> Sends:
    """Each channel."""
    rig: Sends = request.getfixturevalue(request.param)
    return rig


@pytest.fixture(params=["email", "line", "telegram"])
def fails(request: pytest.FixtureRequest) -> Fails:
    """Each channel with a provider that may fail."""
    rig: Fails = request.getfixturevalue(request.param)
    return rig


@pytest.fixture(params=["webchat", "line", "telegram"])
def talks(request: pytest.FixtureRequest) -> Talks:
    """Each channel by which people talk to us (by mail they will with issue E)."""
    rig: Talks = request.getfixturevalue(request.param)
    return rig


@pytest.fixture(params=["line", "telegram"])
def leaves(request: pytest.FixtureRequest) -> Leaves:
    """Each channel whose provider tells who has blocked us."""
    rig: Leaves = request.getfixturevalue(request.param)
    return rig


@pytest.fixture(params=["line"])
def counts(request: pytest.FixtureRequest) -> Counts:
    """Each channel whose provider counts what is sent in a month."""
    rig: Counts = request.getfixturevalue(request.param)
    return rig


@pytest.fixture
def channel(fails: Fails) -> Iterator[Channel]:
    """The channel of `fails`."""
    made = fails.channel()
    yield made
    made.close()


@pytest.fixture
def stage(
    providers: Providers,
    sqlite_database: Database,
    clock: Clock,
    email: EmailRig,
    line: LineRig,
    telegram: TelegramRig,
    webchat: WebchatRig,
) -> Iterator[Stage]:
    with open_stage(providers, sqlite_database, clock, (email, line, telegram, webchat)) as opened:
        yield opened
