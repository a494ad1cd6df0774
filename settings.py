"""The only reader of the environment: one frozen object, every field documented.

Each field is read from `RENRAKUMO_<NAME>`; docs/settings.md lists them and a house test
keeps the two in step.
"""

from __future__ import annotations

import base64
import re
import secrets
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "RENRAKUMO_"
SECRET_LENGTH = 32
LINE_API = "https://api.line.me"
# Bot API, setWebhook: what `secret_token` may be.
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_DATABASE = "sqlite:///var/renrakumo.db"


class Settings(BaseSettings):
    """What one installation is told from outside."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    var_dir: Path = Field(
        default=Path("var"),
        description="Folder for what the installation makes itself: keys, journals and, by "
        "default, the database.",
    )
    database_url: str = Field(
        default=_DATABASE,
        validate_default=True,
        description="`sqlite:///path` or `postgresql+psycopg://user:password@host/name`. If only "
        "`RENRAKUMO_VAR_DIR` is given, the database is in that folder.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address at which families reach this installation, without a slash "
        "at its end; every link in a message begins with it.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Signs links, buttons and audit entries. Made in `var/secret.key` at the "
        "first start if not given. At least 32 characters.",
        min_length=SECRET_LENGTH,
    )
    data_keys_file: Path | None = Field(
        default=None,
        description="JSON file with the keys that encrypt personal data. Made as "
        "`var/keys.json` at the first start if not given. Without it the addresses are lost: "
        "keep a copy apart from the database's.",
    )
    listen: str = Field(default="127.0.0.1:8000", description="Address and port of the web server.")
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=5,
        description="How many reverse proxies stand before the web server and may say who "
        "the client is.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="Bearer token for `/metrics`; without it only loopback may read them.",
    )
    board_code: str = Field(
        default="city",
        description="Short name of the board of education that this installation serves.",
    )
    board_name: str = Field(
        default="教育委員会",
        description="Name of the board of education, as guardians read it.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The relay that mail leaves through: `smtp://user:password@host:587`, "
        "`smtps://…`; several, comma-separated, are tried in turn. `?tls=required` insists on "
        "TLS; `?rate=20` and `?connections=2` keep to what a relay takes a second and at a time. "
        "`mx://` sends straight to each domain's own servers, `mx://203.0.113.5` from that address "
        "of this machine; several are used side by side. Mail is off without it.",
    )
    mail_from: str | None = Field(
        default=None, description="The sender's address of every mail. Mail is off without it."
    )
    mail_connections: int = Field(
        default=40,
        ge=1,
        le=200,
        description="How many connections one sending worker opens to a relay at most. Straight to "
        "mail exchangers (`mx://`) each destination has its own number.",
    )
    sending_workers: int = Field(
        default=1,
        ge=1,
        le=16,
        description="How many processes `renrakumo run` sends with; each keeps one core busy. More "
        "than one only where mail goes to a relay: the pace of a carrier belongs to one process.",
    )
    mail_ehlo_name: str = Field(
        default="",
        description="The name by which this machine greets other mail servers: the one that the "
        "DNS gives for the address that mail leaves from (PTR). The machine's own full name if not "
        "given.",
    )
    dns_servers: str = Field(
        default="",
        description="The DNS servers that are asked where mail goes, such as `127.0.0.1:5353`; "
        "several, comma-separated, are tried in turn. The system's if not given.",
    )
    dkim_domain: str | None = Field(
        default=None,
        description="The domain that mail is signed for (DKIM): that of `RENRAKUMO_MAIL_FROM`, or "
        "one that it lies under.",
    )
    dkim_selector: str | None = Field(
        default=None,
        description="Which key of that domain signs: the first part of the name that its public "
        "half is published at, `<selector>._domainkey.<domain>`.",
    )
    dkim_key_file: Path | None = Field(
        default=None,
        description="The private key in PEM: RSA of 2048 bits, made by `renrakumo mail dkim-new`. "
        "Without it we sign nothing; with the other two alone, the relay does.",
    )
    mail_in_listen: str | None = Field(
        default=None,
        description="Address and port on which mail is taken in over SMTP, such as "
        "`127.0.0.1:2526`. Mail intake is off without it.",
    )
    mail_in_domain: str | None = Field(
        default=None, description="The domain of the addresses that take mail in."
    )
    line_channel_secret: SecretStr | None = Field(
        default=None,
        description="Channel secret of the LINE official account (LINE Developers console, "
        "Basic settings). LINE is off without it.",
    )
    line_channel_access_token: SecretStr | None = Field(
        default=None,
        description="Long-lived channel access token (console, Messaging API). Without it, "
        "`RENRAKUMO_LINE_CHANNEL_ID` is needed and stateless tokens of 15 minutes are used.",
    )
    line_channel_id: str | None = Field(
        default=None, description="Channel ID, for stateless channel access tokens."
    )
    line_api_url: str = Field(
        default=LINE_API,
        description="Where LINE's Messaging API is; anything but the default also stands for "
        "its data and dialog addresses (stand-ins).",
    )
    line_accounts_file: Path | None = Field(
        default=None,
        description="JSON file with several LINE accounts: a list of objects with `name`, "
        "`channel_secret` and `channel_access_token` or `channel_id`. The webhook of each is "
        "`/webhooks/line/<name>`; the first also answers at `/webhooks/line`.",
    )
    telegram_bot_token: SecretStr | None = Field(
        default=None,
        description="Token of the Telegram bot (BotFather). Telegram is off without it, and until "
        "the board turns it on: `renrakumo board set telegram=on`.",
    )
    telegram_webhook_secret: SecretStr | None = Field(
        default=None,
        description="1 to 256 of `A-Z a-z 0-9 _ -`: Telegram sends it with every update. Needed "
        "for the webhook.",
    )
    telegram_mode: Literal["webhook", "polling"] = Field(
        default="webhook",
        description="How updates come in: by webhook, or fetched by the intake process.",
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org", description="Where the Telegram Bot API is."
    )
    demo_file: Path | None = Field(
        default=None,
        description="Written by `renrakumo demo` for its own web server: turns `/demo` on. Never "
        "set it in an installation that real people use.",
    )
    log_format: Literal["json", "text"] = Field(default="json", description="How log lines look.")

    @field_validator("database_url")
    @classmethod
    def _beside_what_else_is_made(cls, url: str, info: ValidationInfo) -> str:
        """Whoever moves the folder moves the database with it, or saves keys without data."""
        folder = info.data.get("var_dir")
        return f"sqlite:///{folder}/renrakumo.db" if url == _DATABASE and folder else url

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _is_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("1 to 256 of A-Z a-z 0-9 _ - are needed")
        return value

    @property
    def metrics_dir(self) -> Path:
        """Where the processes of `run` count together."""
        return self.var_dir / "metrics"

    @property
    def mail_is_on(self) -> bool:
        return self.smtp_url is not None and self.mail_from is not None

    @property
    def mail_domain(self) -> str:
        """The domain that our Message-IDs and List-Ids end in; empty while mail is off."""
        return parseaddr(self.mail_from or "")[1].rpartition("@")[2]

    @property
    def listen_host_port(self) -> tuple[str, int]:
        return host_port(self.listen)

    def secret(self) -> bytes:
        """The key that signs links and audit entries; made at the first start.

        Raises ValueError for a key file that is too short: with an empty one anybody could sign.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        path = self.var_dir / "secret.key"
        if not path.exists():
            _make_secret(path)
        key = path.read_bytes().strip()
        if len(key) < SECRET_LENGTH:
            raise ValueError(f"{path} holds no key of {SECRET_LENGTH} characters")
        return key


class SettingsApart(Settings):
    """Settings of the given values alone, whatever the environment says (demo and bench)."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,  # noqa: ARG003
        **named: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def host_port(address: str) -> tuple[str, int]:
    """Split `host:port`; raises ValueError for anything else."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"expected host:port, got {address!r}")
    return host.strip("[]"), int(port)


def _make_secret(path: Path) -> None:
    """Written aside and linked into place: of two first starts at once, one key wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(48)))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()
