"""The stand-in carriers: each says what its carrier says, where that carrier says it."""

import asyncio
import smtplib
import ssl
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from channels.email.routing import router
from domain.lanes import RULES
from tests.carriers_standin import CarriersStandin, carriers_standin
from tests.dns_standin import DnsStandin
from tests.standins.test_smtp import MAIL, Dialogue

Both = tuple[CarriersStandin, DnsStandin]
Call = Callable[[int], Dialogue]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("carriers")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Both]:
    with carriers_standin(folder) as both:
        yield both


@pytest.fixture
def carriers(running: Both) -> CarriersStandin:
    running[0].reset()
    return running[0]


@pytest.fixture
def call(carriers: CarriersStandin) -> Iterator[Call]:
    """Connect to the n-th carrier."""
    calls: list[Dialogue] = []

    def connect(number: int) -> Dialogue:
        calls.append(Dialogue(carriers.port, f"127.0.2.{number}"))
        return calls[-1]

    yield connect
    for dialogue in calls:
        dialogue.close()


def test_all_known_mail_comes_here(running: Both) -> None:
    carriers, names = running

    async def hosts() -> dict[str, str]:
        ways = router(carriers.url, connections=1, dns_servers=names.servers)
        domains = ("docomo.ne.jp", "au.com", "gmail.com", "workspace.ed.jp", "a.example.jp")
        answers = [await ways.sites(domain) for domain in domains]
        assert all(isinstance(answer, tuple) for answer in answers), answers
        return {s.name: s.targets[0].address for a in answers if isinstance(a, tuple) for s in a}

    assert asyncio.run(hosts()) == {
        "docomo": "127.0.2.1",
        "au": "127.0.2.2",
        "gmail": "127.0.2.7",
        "mx.slow.example": "127.0.2.10",
    }


def test_every_lane_has_its_carrier(carriers: CarriersStandin) -> None:
    assert set(carriers.carriers()) == set(RULES)


@pytest.mark.parametrize(
    ("number", "address", "rcpt", "dot"),
    [
        (1, "unknown1@docomo.ne.jp", "550 Unknown user unknown1@docomo.ne.jp", ""),
        (1, "filtered@docomo.ne.jp", "250", "550 Unknown user filtered@docomo.ne.jp"),
        (1, "full@docomo.ne.jp", "250", "552 Too much mail data"),
        (2, "unknown@au.com", "550 <unknown@au.com>: User unknown", ""),
        (2, "filtered@ezweb.ne.jp", "550 : User unknown", ""),
        (3, "unknown@softbank.ne.jp", "550 Invalid recipient: <unknown@softbank.ne.jp>", ""),
        (3, "filtered@i.softbank.jp", "250", "250 2.0.0 Ok"),
        (7, "full@gmail.com", "452 4.2.2 The email account", ""),
        (8, "unknown@icloud.com", "550 5.1.1 <unknown@icloud.com>: user does not exist", ""),
        (1, "a@au.com", "554 5.7.1 Relay access denied", ""),
    ],
)
def test_words_and_phases(
    carriers: CarriersStandin, call: Call, number: int, address: str, rcpt: str, dot: str
) -> None:
    dialogue = call(number).to_recipient()
    assert dialogue.ask(f"RCPT TO:<{address}>").startswith(rcpt)
    if dot:
        assert dialogue.ask("DATA").startswith("354")
        assert dialogue.send(MAIL) == dot
    assert carriers.stats()["messages"] == 0


def test_gmail_speaks_in_several_lines_and_encrypted(
    carriers: CarriersStandin, folder: Path
) -> None:
    context = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    with smtplib.SMTP("127.0.2.7", carriers.port, timeout=5) as client:
        client._host = "gmail-smtp-in.l.google.com"  # type: ignore[attr-defined]
        client.starttls(context=context)
        client.sendmail("a@b.jp", ["c@gmail.com"], MAIL)
        client.mail("a@b.jp")
        code, words = client.rcpt("unknown@gmail.com")
    assert (code, words.count(b"\n")) == (550, 2)
    assert carriers.carriers()["gmail"]["accepted"] == 1


def test_limits_of_connections_messages_and_pace(carriers: CarriersStandin, call: Call) -> None:
    slow = {"connections": 2, "per_second": 0.01}
    carriers.rules({"docomo": slow, "softbank": {"per_connection": 1, "per_second": None}})
    first, second = call(1).to_recipient(), call(1).to_mail()
    assert call(1).reply() == "421 4.7.0 Too many connections from your host"
    assert second.ask("MAIL FROM:<a@b.jp>") == "421 4.7.0 Too many messages, slow down"
    assert first.ask("RCPT TO:<c@docomo.ne.jp>").startswith("250")
    spent = call(3).to_recipient()
    spent.ask("RSET")
    assert spent.ask("MAIL FROM:<a@b.jp>") == "421 4.7.0 Too many messages in this session"
    assert spent.reply() == ""
    figures = carriers.carriers()
    assert figures["docomo"]["refused"] == {"crowded": 1, "too_fast": 1}
    assert figures["softbank"]["refused"] == {"spent": 1}
    assert figures["docomo"]["peak_connections"] == 3


def test_au_answers_too_much_by_a_reset(carriers: CarriersStandin, call: Call) -> None:
    carriers.rules({"au": {"per_second": 0.01}})
    dialogue = call(2).to_recipient()
    dialogue.ask("RSET")
    dialogue.write(b"MAIL FROM:<a@b.jp>\r\n")
    with pytest.raises(ConnectionResetError):
        dialogue.socket.recv(1)


def test_a_carrier_that_only_slows_down(carriers: CarriersStandin, call: Call) -> None:
    carriers.rules({"softbank": {"per_second": 20, "beyond": "delay", "per_connection": None}})
    dialogue = call(3).to_mail()
    begun = time.monotonic()
    for _ in range(14):
        assert dialogue.ask("MAIL FROM:<a@b.jp>").startswith("250")
        assert dialogue.ask("RCPT TO:<c@softbank.ne.jp>").startswith("250")
        assert dialogue.ask("DATA").startswith("354")
        assert dialogue.send(MAIL).startswith("250")
    figures = carriers.carriers()["softbank"]
    assert (figures["accepted"], figures["doubles"], figures["refused"]) == (14, 13, {})
    assert 3 <= figures["peak_per_second"] <= 14
    # Ten at once, and four in their time.
    assert time.monotonic() - begun > 0.15


@pytest.mark.parametrize(
    ("policy", "bare", "quoted"),
    [("both", "250", "250"), ("bare", "250", "501"), ("quoted", "501", "250")],
)
def test_dots_where_none_may_stand(
    carriers: CarriersStandin, call: Call, policy: str, bare: str, quoted: str
) -> None:
    carriers.rules({"ymobile": {"local_part": policy}})
    dialogue = call(4).to_recipient()
    assert dialogue.ask("RCPT TO:<a..b.@ymobile.ne.jp>")[:3] == bare
    assert dialogue.ask('RCPT TO:<"a..b."@ymobile.ne.jp>')[:3] == quoted


def test_a_carrier_that_shuts_us_out_calls_everybody_unknown(
    carriers: CarriersStandin, call: Call
) -> None:
    carriers.rules({"rakumail": {"blocking": True}, "docomo": {"unknowns": 2}})
    dialogue = call(5).to_recipient()
    assert dialogue.ask("RCPT TO:<a@rakumail.jp>").startswith("550 Invalid recipient")
    other = call(1).to_recipient()
    codes = [other.ask(f"RCPT TO:<{who}@docomo.ne.jp>")[:3] for who in ("unknown", "a") * 3]
    assert codes == ["550", "250", "550", "250", "550", "550"]


@pytest.mark.parametrize(
    "order",
    [
        {"nobody": {}},
        {"docomo": {"name": "x"}},
        {"docomo": {"local_part": "x"}},
        {"docomo": {"beyond": "x"}},
        {"docomo": {"full": {"reply": "x"}}},
    ],
)
def test_rules_that_are_none(carriers: CarriersStandin, order: dict[str, dict[str, str]]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        carriers.rules(order)
