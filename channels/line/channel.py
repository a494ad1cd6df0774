"""LINE as a channel: what the contract in channels.base asks for, for every official account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from channels.base import (
    Answer,
    Incoming,
    Limits,
    Message,
    Quota,
    RawRequest,
    SendChunk,
    SendLog,
    Webhook,
)
from channels.line import events, menus, sending
from channels.line.accounts import LINE_API, Account, Connection, Servers, Timeouts
from channels.line.answers import Answered, verdict
from channels.line.bulk import PICTURES
from channels.line.content import QUICK_REPLIES, TEXT_UNITS
from channels.line.media import picture
from channels.registry import LineAccount
from domain.outcomes import Outcome, Refused, TryLater

LIMITS = Limits(
    text_units=TEXT_UNITS,
    buttons=QUICK_REPLIES,
    pictures=PICTURES,
    recipients=500,
    slots=4,
    keyed=True,
    # At a tenth of a second each, a class that answers at once is through in a few seconds.
    reply_slots=16,
)
_SIGNATURE = "x-line-signature"
# Besides the slots that send, replies, pictures, links and menus ask LINE at the same time.
_OTHERS = 24
_NO_ACCOUNT = TryLater("no_access")


class LineChannel:
    """The official accounts of one installation; the first is meant where none is named.

    `clock` is for events without a time; `monotonic` counts seconds, for what is kept a while.
    """

    name = events.NAME
    limits = LIMITS

    def __init__(
        self,
        accounts: Sequence[LineAccount],
        api_url: str = LINE_API,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        timeouts: Timeouts | None = None,
    ) -> None:
        if not accounts:
            raise ValueError("LINE needs an account")
        connection = Connection(
            servers=Servers.of(api_url),
            timeouts=timeouts or Timeouts(),
            pool_size=LIMITS.slots + _OTHERS,
            monotonic=monotonic,
        )
        self._clock = clock
        self._accounts = {one.name: Account(one, connection) for one in accounts}
        self._first = accounts[0].name

    @property
    def accounts(self) -> Sequence[str]:
        """Their names, the default one first."""
        return tuple(self._accounts)

    def account(self, name: str) -> Account | None:
        """An account by its name, the first for the empty one, None for an unknown one."""
        return self._accounts.get(name or self._first)

    def verify(self, request: RawRequest) -> bool:
        """Whether LINE signed the body, byte for byte, with this account's secret."""
        account = self.account(request.account)
        signature = _header(request, _SIGNATURE)
        return account is not None and account.signed(request.body, signature)

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        """Every event of the body; one webhook may hold those of several people."""
        return events.read(request, request.account or self._first, self._clock)

    def read_again(self, account: str, raw: bytes) -> Incoming:
        """One event alone; what was kept as a whole body was none, and is none now."""
        request = RawRequest({}, b'{"events": [%b]}' % raw, account)
        return self.parse(request)[0]

    def acknowledge(self, request: RawRequest) -> bytes:  # noqa: ARG002 - the contract's signature
        """LINE looks at the status only."""
        return b"{}"

    def reply(self, answer: Answer) -> Outcome:
        """Answer by the reply token while it is good, else by push."""
        account = self.account(answer.account)
        return sending.reply(account, answer) if account else _NO_ACCOUNT

    def fits(self, messages: Sequence[Message]) -> bool:
        """Whether one reply, which is free, holds all of these."""
        return sending.fits(messages)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Send a chunk by one multicast."""
        account = self.account(chunk.account)
        if account:
            sending.send(account, chunk, log)
            return
        for one in chunk.recipients:
            log.outcome(one.delivery_id, _NO_ACCOUNT)

    def fetch(self, account: str, media: str) -> bytes | Outcome:
        """The picture of the message with this ID."""
        found = self.account(account)
        return picture(found, media) if found else _NO_ACCOUNT

    def link(self, account: str, text: str) -> str | None:
        """Opens the chat on a phone with the text typed in (LINE URL scheme "oaMessage")."""
        found = self.account(account)
        basic_id = found.basic_id() if found else None
        if basic_id is None:
            return None
        return f"https://line.me/R/oaMessage/{quote(basic_id, safe='')}/?{quote(text, safe='')}"

    def quota(self, account: str) -> Quota | None:
        """Messaging API reference, "Get the target limit" and "Get number of messages sent"."""
        found = self.account(account)
        if found is None:
            return None
        limit = _body(found, "/v2/bot/message/quota")
        used = _count(_body(found, "/v2/bot/message/quota/consumption").get("totalUsage"))
        if used is None or limit.get("type") not in ("none", "limited"):
            return None
        if limit["type"] == "none":
            return Quota(None, used)
        most = _count(limit.get("value"))
        return None if most is None else Quota(most, used)

    def webhook(self, account: str) -> Webhook | Outcome:
        """Messaging API reference, "Get webhook endpoint information"; 404 where none is set."""
        found = self.account(account)
        if found is None:
            return _NO_ACCOUNT
        said = found.ask("GET", "/v2/bot/channel/webhook/endpoint")
        if isinstance(said, Answered) and said.status == 404:
            return Webhook()
        if not isinstance(said, Answered) or not said.good:
            return verdict(said)
        body = said.body if isinstance(said.body, dict) else {}
        return Webhook(said.text("endpoint"), active=body.get("active") is True)

    def account_link(self, account: str, address: str, nonce: str) -> str | Outcome:
        """LINE's page that links; its token is good for ten minutes and once.

        Messaging API, "Link accounts": LINE proves the linking by an event with the nonce.
        """
        found = self.account(account)
        if found is None:
            return _NO_ACCOUNT
        if not events.ADDRESS.fullmatch(address):
            return Refused("bad_address")
        said = found.ask("POST", f"/v2/bot/user/{address}/linkToken")
        if not isinstance(said, Answered) or not said.good:
            return verdict(said)
        token = said.text("linkToken")
        if not token:
            return TryLater("unexpected")
        query = f"linkToken={quote(token, safe='')}&nonce={quote(nonce, safe='')}"
        return f"{found.servers.dialog}/dialog/bot/accountLink?{query}"

    def show_menu(self, account: str, addresses: Sequence[str], menu: str) -> Outcome:
        """Show these people the rich menu of that name."""
        found = self.account(account)
        return menus.show(found, addresses, menu) if found else _NO_ACCOUNT

    def close(self) -> None:
        """Close the connections of every account."""
        for account in self._accounts.values():
            account.close()


def _header(request: RawRequest, name: str) -> str:
    values = (value for key, value in request.headers.items() if key.lower() == name)
    return next(values, "")


def _body(account: Account, path: str) -> dict[str, object]:
    """The JSON object at a path, empty if LINE does not give one."""
    said = account.ask("GET", path)
    if not isinstance(said, Answered) or not said.good or not isinstance(said.body, dict):
        return {}
    return said.body


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
