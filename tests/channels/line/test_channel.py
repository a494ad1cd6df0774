"""Signatures, pictures, links, quota and account linking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from linebot.v3.messaging import MessagingApi

from channels.base import AccountLinking, Channel, Metered, Quota, RawRequest
from channels.line import media
from channels.line.accounts import LINE_API, Servers, Timeouts
from channels.line.channel import LineChannel
from channels.registry import ChannelSettings, LineAccount, LineSettings, open_channels
from domain.outcomes import Outcome, Refused, TryLater, Unknown
from tests.channels.line.kit import ACCOUNT, event, person, request, signature
from tests.channels.line.line_server import HangsUp, LineServer, Says

BODY = b'{"destination":"U","events":[]}'


@pytest.fixture
def two(line: LineServer) -> Iterator[LineChannel]:
    made = LineChannel([ACCOUNT, LineAccount("north", "other", "t2")], line.url)
    yield made
    made.close()


def test_it_is_a_channel(channel: LineChannel) -> None:
    whole: Channel = channel
    assert isinstance(whole, Metered)
    assert isinstance(whole, AccountLinking)
    assert whole.acknowledge(request()) == b"{}"
    assert whole.limits.keyed


def test_the_registry_opens_it() -> None:
    channels = open_channels(ChannelSettings(line=LineSettings((ACCOUNT,))))
    assert channels["line"].accounts == ("line",)
    channels["line"].close()


def test_without_accounts_there_is_no_channel() -> None:
    with pytest.raises(ValueError, match="account"):
        LineChannel([])


@pytest.mark.parametrize("name", ["X-Line-Signature", "x-line-signature", "X-LINE-SIGNATURE"])
def test_a_true_signature(channel: LineChannel, name: str) -> None:
    assert channel.verify(RawRequest({name: signature(BODY)}, BODY))
    assert channel.verify(RawRequest({name: signature(BODY)}, BODY, "line"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Line-Signature": ""},
        {"X-Line-Signature": "あ\udcff"},
        {"X-Line-Signature": signature(BODY) + "="},
        {"X-Line-Signature": signature(BODY + b" ")},
        {"X-Line-Signature": signature(BODY, "another secret")},
        {"X-Signature": signature(BODY)},
    ],
)
def test_a_missing_or_wrong_signature(channel: LineChannel, headers: dict[str, str]) -> None:
    assert not channel.verify(RawRequest(headers, BODY))


def test_each_account_has_its_own_secret(two: LineChannel) -> None:
    headers = {"x-line-signature": signature(BODY, "other")}
    assert two.verify(RawRequest(headers, BODY, "north"))
    assert not two.verify(RawRequest(headers, BODY))
    assert not two.verify(RawRequest({"x-line-signature": signature(BODY)}, BODY, "south"))
    assert two.accounts == ("line", "north")
    assert [one.account for one in two.parse(request(event("follow"), account="north"))] == [
        "north"
    ]


def test_an_empty_secret_signs_nothing(line: LineServer) -> None:
    channel = LineChannel([LineAccount("line", "", "t")], line.url)
    assert not channel.verify(RawRequest({"x-line-signature": signature(BODY, "")}, BODY))
    channel.close()


def test_a_picture(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(200, b"\xff\xd8picture"))
    assert channel.fetch("line", "12345") == b"\xff\xd8picture"
    (seen,) = line.seen
    assert (seen.method, seen.path) == ("GET", "/v2/bot/message/12345/content")
    assert seen.headers["authorization"] == "Bearer long-lived"


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (Says(404), Refused("gone")),
        (Says(410), Refused("gone")),
        (Says(202), TryLater("not_ready", timedelta(seconds=5))),
        (Says(401), TryLater("no_access")),
        (Says(429), TryLater("rate")),
        (Says(500, b"\xff"), TryLater("unreachable")),
        (HangsUp(), TryLater("unreachable")),
        (Says(200, b"half", {"content-length": "10"}), TryLater("unreachable")),
    ],
)
def test_no_picture(line: LineServer, says: Says | HangsUp, outcome: Outcome) -> None:
    channel = LineChannel([ACCOUNT], line.url, timeouts=Timeouts(read=0.5))
    line.will(says)
    assert channel.fetch("line", "1") == outcome
    channel.close()


def test_a_picture_that_is_too_large(
    channel: LineChannel, line: LineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 1000)
    line.will(Says(200, b"x" * 1001), Says(200, b"x" * 1000))
    assert channel.fetch("line", "1") == Refused("too_large")
    assert channel.fetch("line", "1") == b"x" * 1000


def test_a_picture_that_takes_too_long(line: LineServer) -> None:
    ticks = iter(range(0, 10_000, 100))
    channel = LineChannel([ACCOUNT], line.url, monotonic=lambda: float(next(ticks)))
    line.will(Says(200, b"slow"))
    assert channel.fetch("line", "1") == TryLater("unreachable")
    channel.close()


def test_a_link_with_words(line: LineServer) -> None:
    now = [0.0]
    channel = LineChannel([ACCOUNT], line.url, monotonic=lambda: now[0])
    line.will(Says(500), Says(200, {"basicId": "@ren raku/1"}))
    assert channel.link("line", "登録 A&B") is None
    now[0] = 59
    assert channel.link("line", "登録") is None
    assert len(line.seen) == 1
    now[0] = 60
    wanted = "https://line.me/R/oaMessage/%40ren%20raku%2F1/?%E7%99%BB%E9%8C%B2%20A%26B"
    assert channel.link("line", "登録 A&B") == wanted
    now[0] = 10_000
    assert channel.link("", "登録 A&B") == wanted
    assert line.paths() == ["/v2/bot/info"] * 2
    assert channel.link("gone", "x") is None
    channel.close()


@pytest.mark.parametrize(
    ("limit", "used", "quota"),
    [
        ({"type": "limited", "value": 200}, {"totalUsage": 12}, Quota(200, 12)),
        ({"type": "none"}, {"totalUsage": 12}, Quota(None, 12)),
        ({"type": "limited"}, {"totalUsage": 12}, None),
        ({"type": "new"}, {"totalUsage": 12}, None),
        ({"type": "none"}, {}, None),
        ([], [], None),
    ],
)
def test_the_quota(
    channel: LineChannel, line: LineServer, limit: object, used: object, quota: Quota | None
) -> None:
    line.will(Says(200, limit), Says(200, used))
    assert channel.quota("line") == quota
    assert line.paths() == ["/v2/bot/message/quota", "/v2/bot/message/quota/consumption"]


def test_no_quota(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(500), HangsUp())
    assert channel.quota("line") is None
    assert channel.quota("gone") is None


def test_an_account_link(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(200, {"linkToken": "link&token"}))
    found = channel.account_link("line", person(1), "nonce+/=")
    assert isinstance(found, str)
    parts = urlsplit(found)
    assert f"{parts.scheme}://{parts.netloc}" == line.url
    assert parts.path == "/dialog/bot/accountLink"
    assert parse_qs(parts.query) == {"linkToken": ["link&token"], "nonce": ["nonce+/="]}
    assert line.seen[0].path == f"/v2/bot/user/{person(1)}/linkToken"
    assert line.seen[0].method == "POST"


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (Says(400), Refused("bad_request")),
        (Says(401), TryLater("no_access")),
        (Says(500), Unknown("server_error")),
        (Says(200, {}), TryLater("unexpected")),
    ],
)
def test_no_account_link(
    channel: LineChannel, line: LineServer, says: Says, outcome: Outcome
) -> None:
    line.will(says)
    assert channel.account_link("line", person(1), "n") == outcome


def test_an_account_link_for_nobody(channel: LineChannel, line: LineServer) -> None:
    assert channel.account_link("line", "../other", "n") == Refused("bad_address")
    assert channel.account_link("gone", person(1), "n") == TryLater("no_access")
    assert not line.seen


def test_the_sdks_typed_methods_go_through_the_same_door(
    channel: LineChannel, line: LineServer
) -> None:
    account = channel.account("")
    assert account is not None
    said = account.call(MessagingApi(account.client).get_rich_menu_id_of_user_with_http_info, "U1")
    # The SDK cannot read the empty answer: that is a value too.
    assert said == Unknown("no_answer")
    assert line.paths() == ["/v2/bot/user/U1/richmenu"]
    assert line.seen[0].headers["authorization"] == "Bearer long-lived"


def test_lines_own_servers_are_three_and_a_stand_in_is_all_of_them() -> None:
    own = Servers("https://api.line.me", "https://api-data.line.me", "https://access.line.me")
    assert Servers.of(LINE_API + "/") == own
    assert Servers.of("http://127.0.0.1:9/") == Servers(*["http://127.0.0.1:9"] * 3)


def test_a_client_waits_three_and_ten_seconds() -> None:
    assert Timeouts().pair == (3, 10)
