"""The providers' stand-ins and our web server, started once for all tests of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.channels.contract.rig import PUBLIC_URL
from tests.channels.contract.wire import Door, serving
from tests.line_standin import LineStandin, line_standin
from tests.smtp_standin import SmtpStandin, smtp_standin
from tests.telegram_standin import TelegramStandin, telegram_standin

# Far ahead, because the Telegram stand-in's clock only goes forward; a Tuesday, 10:00 in Tokyo.
NOW = datetime(2030, 11, 26, 1, 0, tzinfo=UTC)
TELEGRAM_SECRET = "the_webhooks_secret"
# An event's time is cut to whole milliseconds, and must not be before our own.
_AHEAD = timedelta(milliseconds=5)


@dataclass(frozen=True)
class Providers:
    """What runs; `server` is where our web server is, `door` takes its application."""

    smtp: SmtpStandin
    line: LineStandin
    telegram: TelegramStandin
    server: str
    door: Door

    def reset(self) -> None:
        """Begin anew at NOW, with time standing still."""
        self.door.app = None
        self.smtp.reset()
        self.line.reset()
        self.telegram.reset()
        said = self.line.control("POST", "/clock", {"stop": True})["now"]
        self.line.advance(_until_now(datetime.fromisoformat(said)))
        shown = self.telegram.order("/clock", {"stop": True})["now"]
        self.telegram.advance(_until_now(datetime.fromtimestamp(shown, UTC)))
        hook = f"{PUBLIC_URL}/webhooks/telegram"
        self.telegram.result("setWebhook", url=hook, secret_token=TELEGRAM_SECRET)

    def pass_time(self, seconds: float) -> None:
        self.line.advance(seconds)
        self.telegram.advance(seconds)


def _until_now(shown: datetime) -> float:
    return (NOW + _AHEAD - shown).total_seconds()


@contextmanager
def running() -> Iterator[Providers]:
    """Everything, on free ports."""
    door = Door()
    with serving(door) as server:
        mapped = f"--map={PUBLIC_URL}={server}"
        hook = f"--webhook={PUBLIC_URL}/webhooks/line"
        with (
            smtp_standin() as smtp,
            line_standin(mapped, hook, "--webhook-seconds=20") as line,
            telegram_standin(mapped) as telegram,
        ):
            yield Providers(smtp, line, telegram, server, door)
