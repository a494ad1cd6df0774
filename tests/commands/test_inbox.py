"""`inbox`: what was set aside is seen, taken again and cleared away; `doctor` tells of it."""

from __future__ import annotations

import json

import pytest

from bot.turns import TurnLoop
from channels.base import Incoming
from channels.line.channel import LineChannel
from channels.registry import LineAccount
from storage import inbox
from storage.database import Transaction
from storage.inbox import InboxItem, Parked
from tests.commands.conftest import Install
from tests.commands.installed import Installation
from tests.databases import START

PERSON = "U" + "1" * 32
EVENT = {
    "type": "telepathy",
    "webhookEventId": "01H",
    "timestamp": 1_790_000_000_000,
    "source": {"type": "user", "userId": PERSON},
    "thought": "山田花子\u001b[2J",
}


@pytest.fixture
def city(install: Install) -> Installation:
    """LINE is on; nothing is asked of it here."""
    return install(
        line_channel_secret="s",
        line_channel_access_token="t",
        line_api_url="http://127.0.0.1:1",
    )


def unknown(city: Installation, raw: bytes | None = None) -> int:
    """An event that nobody understood, as the turns set it aside."""
    channel = LineChannel([LineAccount("line", "s", "t")])
    event = channel.read_again("line", raw or json.dumps(EVENT).encode())
    channel.close()
    return came(city, event)


def failing(city: Installation) -> int:
    event = Incoming("line", "line", "02H", PERSON, "text", START, text="こんにちは")
    return came(city, event, broken=True)


def came(city: Installation, event: Incoming, *, broken: bool = False) -> int:
    with city.house.database.writing() as tx:
        inbox.store(tx, city.house.board_id, event)
    loop = TurnLoop(city.house.database, take=_break) if broken else TurnLoop(city.house.database)
    while loop.run_once():
        pass
    return set_aside(city)[-1].id


def _break(_tx: Transaction, _item: InboxItem, _flows: object) -> None:
    raise RuntimeError("broken")


def set_aside(city: Installation) -> list[Parked]:
    with city.house.database.reading() as tx:
        return inbox.parked(tx)


def counts(city: Installation) -> tuple[int, int, int]:
    with city.house.database.reading() as tx:
        new, done = inbox.count(tx, "new"), inbox.count(tx, "done")
        return new, done, inbox.count(tx, "parked")


def test_nothing_is_set_aside(city: Installation) -> None:
    assert city.json("inbox", "list") == []
    assert city.doctor()["inbox"] == (False, "nothing set aside")


def test_the_list_tells_the_two_kinds_apart_and_no_personal_data(city: Installation) -> None:
    numbers = unknown(city), failing(city)
    listed = city.json("inbox", "list")
    assert [(one["id"], one["kind"], one["tries"]) for one in listed] == [
        (numbers[0], "event not understood", 0),
        (numbers[1], "turn failed", 3),
    ]
    shown = city.run("inbox", "list").output
    for text in (shown, json.dumps(listed, ensure_ascii=False)):
        assert PERSON not in text
        assert "こんにちは" not in text
    wrong, words = city.doctor()["inbox"]
    assert wrong
    assert words == (
        "1 event of LINE not understood (renrakumo inbox list) "
        "1 turn of LINE failed (renrakumo inbox list)"
    )


def test_what_is_shown_is_decrypted_and_gives_the_terminal_no_orders(city: Installation) -> None:
    number = unknown(city)
    shown = city.run("inbox", "show", str(number)).output
    assert "山田花子" in shown
    assert PERSON in shown
    assert "\x1b" not in shown
    whole = city.json("inbox", "show", str(number))
    assert json.loads(whole["as it came"]) == EVENT
    assert "personal data" in city.run("inbox", "show", "--help").output


def test_a_failed_turn_is_shown(city: Installation) -> None:
    whole = city.json("inbox", "show", str(failing(city)))
    assert (whole["sender"], whole["text"], whole["event"]) == (PERSON, "こんにちは", "text")


def test_a_failed_turn_is_taken_again(city: Installation) -> None:
    number = failing(city)
    assert city.run("inbox", "retry", str(number)).exit_code == 0
    assert counts(city) == (1, 0, 0)
    TurnLoop(city.house.database).run_once()
    assert counts(city) == (0, 1, 0)
    assert city.json("audit", "verify") == []


def test_an_event_that_is_still_not_understood_stays(city: Installation) -> None:
    number = unknown(city)
    result = city.run("inbox", "retry", str(number))
    assert result.exit_code == 1
    assert "does not understand" in result.output
    assert counts(city) == (0, 0, 1)


def test_an_event_that_this_version_understands_is_taken_again(
    city: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = unknown(city)

    def understood(self: LineChannel, account: str, raw: bytes) -> Incoming:
        del self
        said = str(json.loads(raw)["thought"])
        return Incoming("line", account, "01H", PERSON, "text", START, text=said)

    monkeypatch.setattr(LineChannel, "read_again", understood)
    assert city.run("inbox", "retry", str(number)).exit_code == 0
    with city.house.database.reading() as tx:
        item = inbox.read(tx, number)
    assert (item.kind, item.text, item.sender) == ("text", EVENT["thought"], PERSON)
    TurnLoop(city.house.database).run_once()
    assert counts(city) == (0, 1, 0)


def test_an_event_without_use_is_dismissed(
    city: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = unknown(city)
    unserved = Incoming("line", "line", "01H", PERSON, "unserved", START)
    monkeypatch.setattr(LineChannel, "read_again", lambda *_: unserved)
    assert "dismissed" in city.run("inbox", "retry", str(number)).output
    assert counts(city) == (0, 1, 0)


def test_what_is_no_event_at_all_is_read_again_without_harm(city: Installation) -> None:
    number = unknown(city, b"\xff{]")
    assert city.run("inbox", "show", str(number)).exit_code == 0
    assert city.run("inbox", "retry", str(number)).exit_code == 1


def test_dismissing_erases_and_is_in_the_records(city: Installation) -> None:
    number = unknown(city)
    assert city.run("inbox", "dismiss", str(number)).exit_code == 0
    assert counts(city) == (0, 1, 0)
    for verb in ("show", "retry", "dismiss"):
        again = city.run("inbox", verb, str(number))
        assert (again.exit_code, "is set aside" in again.output) == (1, True)
    assert city.json("audit", "verify") == []


def test_without_its_key_it_is_listed_and_can_be_dismissed(city: Installation) -> None:
    number = failing(city)
    keys = city.house.settings.var_dir / "keys.json"
    ring = json.loads(keys.read_text())
    ring["keys"]["1"] = "00" * 32
    keys.write_text(json.dumps(ring))
    assert [one["kind"] for one in city.json("inbox", "list")] == ["cannot be opened"]
    assert "data keys" in city.run("inbox", "show", str(number)).output
    assert city.run("inbox", "dismiss", str(number)).exit_code == 0
