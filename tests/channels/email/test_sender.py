"""The mail channel against the SMTP stand-in, which runs as a process of its own."""

from collections.abc import Sequence
from uuid import uuid4

import pytest

from channels.base import Bulk, Button, Message, RawRequest, SendChunk
from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from domain.outcomes import Accepted, Refused, TryLater, Unknown
from tests.channels.answers import answer
from tests.channels.email.sending import (
    BULK,
    FROM,
    Log,
    begun,
    channel_to,
    chunk,
    chunk_of,
    recipient,
    sent,
)
from tests.smtp_standin import SmtpStandin, free_port, smtp_standin

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_a_good_chunk(standin: SmtpStandin, channel: EmailChannel) -> None:
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert log.lines == [(1, "intent"), (1, "Accepted"), (2, "intent"), (2, "Accepted")]
    assert log.outcomes_of == {1: Accepted("00000001"), 2: Accepted("00000002")}
    assert set(standin.received().values()) == {1}
    assert [message["to"] for message in standin.messages()] == [["b@example.jp"], ["a@example.jp"]]
    shown = standin.message(1)
    assert shown["subject"] == BULK.subject
    assert shown["message_id"] == recipient(1).message_id
    assert shown["text"].startswith("明日は延期です。\n\n▼")


def test_connections_are_used_again_and_not_for_too_long(
    standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.routing._RELAY_MESSAGES", 2)
    channel = channel_to(standin.url)
    sent(channel, *["a@example.jp"] * 3)
    assert standin.stats()["connections"] == 1
    sent(channel, "b@example.jp")
    assert standin.wait(lambda stats: stats["connections"] == 0)["messages"] == 4


def test_an_idle_connection_is_closed(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url, timeouts=Timeouts(2, 2, 2, quit=1, idle=0.02))
    sent(channel, "a@example.jp")
    standin.wait(lambda stats: stats["connections"] == 0)
    channel.close()


def test_close_says_goodbye(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url)
    sent(channel, "a@example.jp")
    channel.close()
    standin.wait(lambda stats: stats["connections"] == 0)
    with pytest.raises(RuntimeError, match="closed"):
        sent(channel, "b@example.jp")
    channel.close()


def test_refusals_touch_only_their_recipient(standin: SmtpStandin, channel: EmailChannel) -> None:
    standin.fault(match="^gone@", phase="rcpt", reply="550 5.1.1 User unknown")
    standin.fault(match="^grey@", phase="rcpt", reply="450 4.7.1 Greylisted")
    standin.fault(match="^spam@", phase="dot", reply="554 5.7.1 Spam")
    standin.fault(match="^busy@", phase="data", reply="451 4.3.0 Later")
    log = sent(channel, *(f"{n}@example.jp" for n in ("gone", "grey", "spam", "busy", "good")))
    assert log.outcomes_of == {
        1: Refused("unknown_user", "550 5.1.1"),
        2: TryLater("greylisted"),
        3: Refused("spam", "554 5.7.1"),
        4: TryLater("temporary"),
        5: Accepted("00000001"),
    }
    assert [line for line in log.lines if line[1] == "intent"] == [(3, "intent"), (5, "intent")]
    assert standin.stats()["peak_connections"] == 1


def test_an_address_that_is_none(standin: SmtpStandin, channel: EmailChannel) -> None:
    log = sent(channel, "a@example.jp>\r\nRCPT TO:<b@example.jp", "c@example.jp")
    assert log.outcomes_of[1] == Refused("bad_address")
    assert isinstance(log.outcomes_of[2], Accepted)


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_a_connection_that_breaks_before_the_body_is_replaced(
    standin: SmtpStandin, channel: EmailChannel, phase: str
) -> None:
    standin.fault(match="", phase=phase, drop=True, times=1)
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
    assert standin.stats()["doubles"] == 0


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_421_in_mid_session_is_followed_by_a_new_connection(
    standin: SmtpStandin, channel: EmailChannel, phase: str
) -> None:
    sent(channel, "first@example.jp")
    standin.fault(match="", phase=phase, reply="421 4.3.2 Closing", times=1)
    assert isinstance(sent(channel, "a@example.jp").outcomes_of[1], Accepted)


def test_421_again_and_again_means_later(standin: SmtpStandin, channel: EmailChannel) -> None:
    standin.fault(match="^b@", phase="rcpt", reply="421 4.7.0 Busy")
    log = sent(channel, "a@example.jp", "b@example.jp", "c@example.jp")
    assert log.outcomes_of[2] == TryLater("connection_lost")
    assert isinstance(log.outcomes_of[1], Accepted)
    assert isinstance(log.outcomes_of[3], Accepted)
    assert standin.stats()["doubles"] == 0


def test_a_relay_that_always_breaks_is_not_asked_for_ever(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match="", phase="rcpt", drop=True)
    log = sent(channel, *(f"{n}@example.jp" for n in range(10)))
    assert set(log.outcomes_of.values()) == {TryLater("connection_lost")}
    assert len(log.outcomes_of) == 10


def test_no_answer_after_the_dot_though_it_was_taken(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match="^a@", phase="dot", drop="after")
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert log.outcomes_of[1] == Unknown("no_answer")
    assert isinstance(log.outcomes_of[2], Accepted)
    assert standin.stats()["messages"] == 2


def test_no_answer_after_the_dot_and_it_was_not_taken(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match="^a@", phase="dot", drop="before")
    assert sent(channel, "a@example.jp").outcomes_of == {1: Unknown("no_answer")}
    assert standin.stats()["messages"] == 0


def test_an_answer_that_comes_too_late(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url, timeouts=Timeouts(2, 2, answer=0.02, quit=1))
    standin.fault(match="", phase="dot", delay=0.3, times=1)
    assert sent(channel, "a@example.jp").outcomes_of == {1: Unknown("no_answer")}
    assert standin.stats()["messages"] == 1
    channel.close()


def test_421_after_the_dot_is_an_answer(standin: SmtpStandin, channel: EmailChannel) -> None:
    standin.fault(match="^a@", phase="dot", reply="421 4.3.2 Closing")
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert log.outcomes_of[1] == TryLater("too_busy")
    assert isinstance(log.outcomes_of[2], Accepted)


def test_the_next_relay_is_used_when_one_is_down(standin: SmtpStandin) -> None:
    channel = channel_to(f"smtp://127.0.0.1:{free_port()}", standin.url)
    assert isinstance(sent(channel, "a@example.jp").outcomes_of[1], Accepted)
    channel.close()


def test_a_relay_that_breaks_at_once_gives_way_to_the_next(standin: SmtpStandin) -> None:
    with smtp_standin() as broken:
        broken.fault(match="", phase="mail", reply="421 4.3.2 Shutting down")
        channel = channel_to(broken.url, standin.url)
        assert isinstance(sent(channel, "a@example.jp").outcomes_of[1], Accepted)
        channel.close()


def test_a_greeting_that_refuses_counts_as_down(standin: SmtpStandin) -> None:
    standin.fault(match="", phase="connect", reply="421 4.3.2 Too many connections", times=1)
    assert sent(channel_to(standin.url), "a@example.jp").outcomes_of == {1: TryLater("too_busy")}


def test_without_any_relay_all_wait() -> None:
    log = sent(channel_to(f"smtp://127.0.0.1:{free_port()}"), "a@example.jp", "b@example.jp")
    assert log.outcomes_of == {1: TryLater("no_relay"), 2: TryLater("no_relay")}
    assert not any(word == "intent" for _, word in log.lines)


def test_required_tls_that_is_not_offered(standin: SmtpStandin) -> None:
    log = sent(channel_to(f"{standin.url}?tls=required"), "a@example.jp")
    assert log.outcomes_of == {1: TryLater("no_tls")}
    assert standin.stats()["messages"] == 0


def test_old_carriers_addresses_go_out_quoted(standin: SmtpStandin, channel: EmailChannel) -> None:
    assert isinstance(sent(channel, "a..b.@docomo.ne.jp").outcomes_of[1], Accepted)
    assert list(standin.received()) == [("a..b.@docomo.ne.jp", recipient(1).message_id)]
    assert b'To: "a..b."@docomo.ne.jp\r\n' in standin.raw(1)


def test_a_relay_that_refuses_quotes_gets_none() -> None:
    with smtp_standin("--dots=lenient") as lenient:
        lenient.fault(match='^"', phase="rcpt", reply="553 5.1.3 No quotes, please")
        channel = channel_to(lenient.url)
        log = sent(channel, "a..b.@docomo.ne.jp", "c@example.jp")
        assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
        channel.close()


def test_a_strict_relay_that_refuses_quotes_too(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    standin.fault(match='^"', phase="rcpt", reply="501 5.1.3 No quotes, please")
    log = sent(channel, "a..b.@docomo.ne.jp")
    assert log.outcomes_of == {1: Refused("bad_address", "501 5.1.3")}


def test_a_message_too_large_for_the_relay() -> None:
    with smtp_standin("--size-limit=1000") as small:
        channel = channel_to(small.url)
        bulk = Bulk("city", "", "", "長いお知らせ", "長" * 1000, "ja")
        log = Log()
        channel.send(SendChunk(1, "email", "other", bulk, (recipient(1),), uuid4()), log)
        assert log.outcomes_of == {1: Refused("too_large", "552 5.3.4")}
        channel.close()


def test_stopping_leaves_the_rest_without_outcome(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    log = Log(stop_after=2)
    channel.send(chunk([recipient(n) for n in range(1, 6)]), log)
    assert list(log.outcomes_of) == [1, 2]
    assert standin.stats()["messages"] == 2


def test_a_journal_that_fails_keeps_the_body_from_leaving(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    class Broken(Log):
        def intents(self, delivery_ids: Sequence[int]) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        channel.send(chunk_of("a@example.jp"), Broken())
    assert standin.wait(lambda stats: stats["connections"] == 0)["messages"] == 0
    assert isinstance(sent(channel, "b@example.jp").outcomes_of[1], Accepted)


def test_many_connections_and_every_message_once(standin: SmtpStandin) -> None:
    wanted = [recipient(number) for number in range(5000)]
    channel = channel_to(standin.url, connections=64)
    logs = [Log() for _ in range(10)]
    ends = [begun(channel, chunk(wanted[n::10]), log) for n, log in enumerate(logs)]
    for end in ends:
        end.result(30)
    assert standin.received() == {(to.address, to.message_id): 1 for to in wanted}
    assert sum(len(log.outcomes_of) for log in logs) == 5000
    assert 40 <= standin.stats()["peak_connections"] <= 48
    channel.close()


def test_an_answer_in_a_conversation(standin: SmtpStandin, channel: EmailChannel) -> None:
    messages = [
        Message("確認コードは 123456 です。"),
        Message(
            "次はどうしますか。\n\n1 登録する\n2 やめる",
            (Button("登録する", "t1"), Button("やめる", "t2")),
        ),
    ]
    assert isinstance(channel.reply(answer("a@example.jp", *messages)), Accepted)
    shown = standin.message(1)
    assert shown["subject"] == "確認コードは 123456 です。"
    assert shown["text"] == (
        "確認コードは 123456 です。\n\n次はどうしますか。\n\n1 登録する\n2 やめる\n"
    )
    headers = dict(shown["headers"])
    assert headers["Auto-Submitted"] == "auto-replied"
    assert headers["From"] == FROM
    assert "List-Unsubscribe" not in headers


def test_an_answer_with_a_subject(standin: SmtpStandin, channel: EmailChannel) -> None:
    channel.reply(answer("a@example.jp", Message("本文", subject="件名"), Message("長" * 40)))
    channel.reply(answer("a@example.jp", Message("長" * 40)))
    assert [shown["subject"] for shown in standin.messages()] == ["長" * 29 + "…", "件名"]


def test_an_answer_to_no_address(channel: EmailChannel) -> None:
    assert channel.reply(answer("nobody", Message("x"))) == Refused("bad_address")


def test_mail_does_not_come_by_http(channel: EmailChannel) -> None:
    assert channel.verify(RawRequest({}, b"")) is False
    assert channel.parse(RawRequest({}, b"")) == []


def test_a_sender_that_is_no_address() -> None:
    with pytest.raises(ValueError, match="sender"):
        EmailChannel(MailWays("smtp://127.0.0.1"), "nobody")
