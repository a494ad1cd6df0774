"""One official account each: its client, its token, and the one door to LINE's servers.

The sync client of line-bot-sdk has no time-outs of its own and opens a pool per ApiClient: so
there is one client per account, kept for good, and every request is given its time-outs here.
Sending goes by `ask`, not by the SDK's typed methods: those raise for an answer of a shape that
they do not know, even where LINE has taken the message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from linebot.v3.messaging import ApiClient, ApiResponse, Configuration

from channels.line.answers import Answered, asked
from channels.line.tokens import LongLived, Stateless, Tokens
from channels.registry import LineAccount
from domain.outcomes import TryLater, Unknown

LINE_API = "https://api.line.me"
_DATA = "https://api-data.line.me"
_DIALOG = "https://access.line.me"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_BASIC_ID_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for a whole picture."""

    connect: float = 3
    read: float = 10
    picture: float = 60

    @property
    def pair(self) -> tuple[float, float]:
        return (self.connect, self.read)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where LINE is; a stand-in is all three at once."""

    api: str = LINE_API
    data: str = _DATA
    dialog: str = _DIALOG

    @classmethod
    def of(cls, api_url: str) -> Servers:
        """LINE's own servers, or the one that stands in for all of them."""
        url = api_url.rstrip("/")
        return cls() if url == LINE_API else cls(url, url, url)


@dataclass(frozen=True, slots=True)
class Connection:
    """How an account reaches LINE; `monotonic` counts seconds."""

    servers: Servers = field(default_factory=Servers)
    timeouts: Timeouts = field(default_factory=Timeouts)
    pool_size: int = 16
    monotonic: Callable[[], float] = time.monotonic


class Account:
    """One official account, safe to use from several threads at once.

    `client` is for the SDK's typed methods too (MessagingApi(account.client)), by `call`.
    """

    def __init__(self, account: LineAccount, connection: Connection) -> None:
        self.name = account.name
        self.servers = connection.servers
        self.timeouts = connection.timeouts
        self.client = _client(connection)
        self.monotonic = connection.monotonic
        self._secret = account.channel_secret
        self._channel_id = account.channel_id
        self._tokens = self._make_tokens(account)
        self._basic_id = ""
        self._basic_id_after = float("-inf")
        self._lock = threading.Lock()

    def _make_tokens(self, account: LineAccount) -> Tokens:
        if account.access_token:
            return LongLived(account.access_token)
        return Stateless(self._issue_token, self.monotonic)

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether LINE signed these bytes (Messaging API, "Verify webhook signature")."""
        digest = hmac.new(self._secret.encode(), body, hashlib.sha256).digest()
        given = signature.encode(errors="replace")
        return bool(self._secret) and hmac.compare_digest(base64.b64encode(digest), given)

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answered | TryLater | Unknown:
        """Ask the Messaging API with this account's token; `body` becomes JSON."""
        return self.call(
            self.client.call_api,
            path,
            method,
            header_params={"Content-Type": _JSON, **(headers or {})},
            body=body,
            response_types_map={},
            auth_settings=["Bearer"],
            _host=self.servers.api,
        )

    def call(
        self, function: Callable[..., ApiResponse], *args: object, **named: Any
    ) -> Answered | TryLater | Unknown:
        """Call a method of the SDK ("…_with_http_info") with token and time-outs."""
        token = self._tokens.get()
        if isinstance(token, TryLater):
            return token
        auth = _bearer(token)
        said = asked(
            lambda: function(
                *args, _request_timeout=self.timeouts.pair, _request_auth=auth, **named
            )
        )
        if isinstance(said, Answered) and said.status == 401:
            self._tokens.forget(token)
        return said

    def authorization(self) -> str | TryLater:
        """The Authorization header, for the one request that the SDK cannot make (a stream)."""
        token = self._tokens.get()
        return token if isinstance(token, TryLater) else f"Bearer {token}"

    def basic_id(self) -> str | None:
        """What the account is called in links ("@abc1234x"); asked once, None if not known.

        After a failure LINE is asked again a minute later at the earliest, so that a page that
        shows the link does not wait each time.
        """
        with self._lock:
            if not self._basic_id and self.monotonic() >= self._basic_id_after:
                self._basic_id = self._ask_basic_id()
                self._basic_id_after = self.monotonic() + _BASIC_ID_AGAIN_SECONDS
            return self._basic_id or None

    def _ask_basic_id(self) -> str:
        """Messaging API reference, "Get bot info"; empty if LINE does not say."""
        said = self.ask("GET", "/v2/bot/info")
        return said.text("basicId") if isinstance(said, Answered) and said.good else ""

    def _issue_token(self) -> Answered | TryLater | Unknown:
        """Messaging API reference, "Issue stateless channel access token"."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._channel_id,
            "client_secret": self._secret,
        }
        return asked(
            lambda: self.client.call_api(
                "/oauth2/v3/token",
                "POST",
                header_params={"Content-Type": _FORM},
                post_params=list(form.items()),
                response_types_map={},
                _host=self.servers.api,
                _request_timeout=self.timeouts.pair,
            )
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self.client.close()
        self.client.rest_client.pool_manager.clear()


def _client(connection: Connection) -> ApiClient:
    """A client that retries nothing by itself: whether to ask again is the ledger's to say."""
    own = connection.servers.api == LINE_API
    configuration = Configuration(host=None if own else connection.servers.api, access_token="")
    configuration.retries = False
    configuration.connection_pool_maxsize = connection.pool_size
    client = ApiClient(configuration)
    # An empty token must not go out with the request that asks for a token.
    del client.default_headers["Authorization"]
    return client


def _bearer(token: str) -> dict[str, str]:
    """The SDK's form of one request's own token; the client's is shared by all threads."""
    value = f"Bearer {token}"
    return {"type": "bearer", "in": "header", "key": "Authorization", "value": value}
