"""What tests of the sending engine share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.email.channel import EmailChannel
from tests.channels.email.sending import channel_to
from tests.smtp_standin import SmtpStandin


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that was told to go slower rests for a moment, not for seconds."""
    monkeypatch.setattr("domain.pacing.PAUSE", 0.01)
    monkeypatch.setattr("channels.email.engine._SWEEP", 0.02)


@pytest.fixture
def channel(standin: SmtpStandin) -> Iterator[EmailChannel]:
    """To the stand-in, over one connection."""
    channel = channel_to(standin.url)
    yield channel
    channel.close()
