"""`mail`: the keys that mail is signed with."""

from __future__ import annotations

import os
from pathlib import Path

import click

from channels.email.dkim import BITS, Signer, new_key, private_pem, record_name, record_strings
from commands.house import House
from commands.printing import fail


@click.group()
def mail() -> None:
    """The keys that mail is signed with (DKIM)."""


@mail.command("dkim-new")
@click.option("--selector", required=True, help="A new name for this key, such as r2026a.")
@click.option("--domain", help="The domain that is signed for; that of RENRAKUMO_MAIL_FROM.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write the private key to; it must not be there yet.",
)
@click.pass_obj
def dkim_new(house: House, selector: str, domain: str | None, out: Path) -> None:
    """Make a key and say what to publish in the DNS; nothing is signed with it yet."""
    domain = domain or house.settings.dkim_domain or house.settings.mail_domain
    if not domain:
        raise fail("give --domain, or set RENRAKUMO_MAIL_FROM")
    try:
        signer = Signer(domain, selector, new_key())
    except ValueError as error:
        raise fail(str(error)) from None
    _write(out, private_pem(signer.key))
    click.echo(f"{out}: RSA, {BITS} bits; keep a copy as safe as var/keys.json\n")
    click.echo("Publish this TXT record, and wait until it is seen:\n")
    click.echo(_record(signer))
    click.echo("Then sign with it, in every process:\n")
    click.echo(f"RENRAKUMO_DKIM_DOMAIN={domain}")
    click.echo(f"RENRAKUMO_DKIM_SELECTOR={selector}")
    click.echo(f"RENRAKUMO_DKIM_KEY_FILE={out.absolute()}")


def _write(path: Path, pem: bytes) -> None:
    """For this account alone to read, and never over a key that may be in use."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise fail(f"{path} is there already: a key is never written over") from None
    except OSError as error:
        raise fail(f"{path} cannot be written ({type(error).__name__})") from None
    with os.fdopen(file, "wb") as out:
        out.write(pem)
        out.flush()
        os.fsync(out.fileno())


def _record(signer: Signer) -> str:
    """The record as a zone file has it; forms in a browser take the strings joined, unquoted."""
    strings = "\n".join(f'  "{each}"' for each in record_strings(signer.key))
    return f"{record_name(signer.selector, signer.domain)}. IN TXT (\n{strings}\n)\n"
