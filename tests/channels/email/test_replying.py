"""A reply by mail does not wait as long for its relay as a broadcast does."""

from __future__ import annotations

import socket
import time

import pytest

from channels.base import Message
from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from domain.outcomes import TryLater
from tests.channels.answers import answer


def test_a_relay_that_hangs_holds_a_reply_up_only_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "channels.email.channel._REPLY_TIMEOUTS", Timeouts(connect=0.2, greeting=0.2)
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        channel = EmailChannel(MailWays(f"smtp://127.0.0.1:{port}"), "school@example.jp")
        begun = time.monotonic()
        outcome = channel.reply(answer("a@example.jp", Message("登録しました。")))
        channel.close()
    assert outcome == TryLater("no_relay")
    assert time.monotonic() - begun < 5
