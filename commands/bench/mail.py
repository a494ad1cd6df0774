"""Mail, side by side with what people would use instead.

Everything goes to the same SMTP stand-in in one run, one after the other, so that the ratio
means something on any machine.  The peer is the standard library as its documentation shows
it: `smtplib` with an `EmailMessage` built for each recipient, over as many connections.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from smtplib import SMTP
from time import perf_counter
from uuid import uuid4

from channels.base import Bulk, Recipient, SendChunk
from commands.bench.stage import Row
from commands.demo.city import MAIL_ONLY
from commands.demo.fanout import approve_city_wide, city_of, wait_until_sent
from commands.demo.theatre import Theatre, running, wait_for_worker
from commands.supervisor import SENDING
from domain.outcomes import Outcome
from storage.database import system_clock

CONNECTIONS = 8
BODY = "本日の運動会は、雨のため中止します。児童は通常どおり登校してください。\n" * 8
PEER = "smtplib + EmailMessage"


def measure_mail(scene: Theatre, messages: int) -> list[Row]:
    """The mail sender alone, and the whole path from due to the last outcome."""
    peer = messages / _timed(lambda: _send_by_peer(scene, messages))
    return [
        Row(PEER, messages, round(messages / peer, 2), round(peer, 1), PEER, 1.0),
        _row("mail sender", messages, _timed(lambda: _send(scene, messages)), peer),
        _row("whole path", messages, _whole_path(scene, messages), peer),
    ]


def _row(name: str, messages: int, seconds: float, peer: float) -> Row:
    rate = messages / seconds
    return Row(name, messages, round(seconds, 2), round(rate, 1), PEER, round(rate / peer, 2))


def _timed(work: Callable[[], None]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _spread(messages: int) -> list[range]:
    """The messages' numbers, shared out evenly over the connections."""
    step = -(-messages // CONNECTIONS)
    return [range(start, min(start + step, messages)) for start in range(0, messages, step)]


def _send_by_peer(scene: Theatre, messages: int) -> None:
    host, port = _relay(scene)

    def share(numbers: range) -> None:
        with SMTP(host, port) as smtp:
            for number in numbers:
                mail = EmailMessage()
                mail["From"], mail["To"] = "renraku@midori.example", f"f{number}@au.example"
                mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid()
                mail["Subject"] = "【連絡】本日の運動会は中止します"
                mail.set_content(BODY)
                smtp.send_message(mail)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, _spread(messages)))


def _send(scene: Theatre, messages: int) -> None:
    channel = scene.house.channels["email"]

    def share(numbers: range) -> None:
        people = tuple(_recipient(number) for number in numbers)
        channel.send(SendChunk(numbers.start, "email", "other", _bulk(), people, uuid4()), _NoLog())

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, _spread(messages)))


def _bulk() -> Bulk:
    return Bulk(
        board="みどり市教育委員会",
        sender_name="さくら小学校",
        list_id="S01.midori.example",
        subject="【連絡】本日の運動会は中止します",
        text=BODY,
        language="ja",
        date=system_clock(),
    )


def _recipient(number: int) -> Recipient:
    return Recipient(
        delivery_id=number,
        address=f"f{number}@au.example",
        message_id=f"bench-{number}@midori.example",
        page_url=f"http://127.0.0.1:8000/m/{number}",
        leave_url=f"http://127.0.0.1:8000/u/{number}",
    )


class _NoLog:
    """The sender alone: nothing is journalled."""

    def intent(self, delivery_id: int) -> None:
        del delivery_id

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        del delivery_id, outcome

    def stopping(self) -> bool:
        return False


def _whole_path(scene: Theatre, messages: int) -> float:
    """Seconds from due to the last outcome, with ledger and journal, in a worker of its own."""
    city_of(scene.house, messages, MAIL_ONLY)
    log = scene.house.settings.var_dir / "bench.log"
    with running([SENDING], scene.environment, log):
        wait_for_worker(log)
        return wait_until_sent(scene.house, approve_city_wide(scene.house, BODY))


def _relay(scene: Theatre) -> tuple[str, int]:
    url = scene.house.settings.smtp_url
    assert url is not None
    host, _, port = url.get_secret_value().removeprefix("smtp://").partition(":")
    return host, int(port)
