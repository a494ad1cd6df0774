"""What people would use instead, each used as its own documentation says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from smtplib import SMTP
from time import perf_counter

from commands.bench import letters
from commands.bench.children import ProgramFailed, ran, tool

NODEMAILER = "10.6.0"
_SCRIPT = Path(__file__).with_name("nodemailer.js")
# Headers that smtp-source writes itself, about.
_ITS_HEADERS = 150
_SMTPLIB_CONNECTIONS = 8


class Absent(Exception):
    """A peer is not on this machine; says which and what would bring it."""


def smtp_source(
    port: int, messages: int, sessions: int, seconds: float, unlike: bool = False
) -> float:
    """Postfix's load generator, `-d`: it keeps its connections.  Returns its seconds.

    With `unlike` every recipient is another one.  Raises Absent.
    """
    program = tool("smtp-source")
    if program is None:
        raise Absent("smtp-source is not here (apt-get install postfix)")
    payload = letters.size() - _ITS_HEADERS
    words = ["-d", *(["-N"] if unlike else []), "-s", str(sessions), "-m", str(messages)]
    words += ["-l", str(payload), "-f", letters.SENDER, "-t", letters.address(0)]
    begun = perf_counter()
    ran([program, *words, f"127.0.0.1:{port}"], seconds)
    return perf_counter() - begun


def nodemailer_in(cache: Path) -> Path:
    """The folder of Nodemailer's module, fetched once from npm's registry.  Raises Absent."""
    npm = tool("npm")
    if tool("node") is None or npm is None:
        raise Absent("node and npm are not here (apt-get install nodejs npm)")
    folder = cache / f"nodemailer-{NODEMAILER}"
    modules = folder / "node_modules"
    if not (modules / "nodemailer" / "package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
        command = [npm, "install", *quiet, "--prefix", str(folder), f"nodemailer@{NODEMAILER}"]
        try:
            ran(command, 60)
        except (ProgramFailed, subprocess.TimeoutExpired) as error:
            raise Absent(f"npm could not fetch nodemailer {NODEMAILER} ({error})") from None
    return modules


def nodemailer(modules: Path, port: int, messages: int, connections: int, seconds: float) -> float:
    """Nodemailer's pool with so many connections; returns the seconds of its sending alone."""
    order = {
        "port": port,
        "messages": messages,
        "connections": connections,
        "from": letters.SENDER,
        "subject": letters.SUBJECT,
        "text": letters.BODY,
        "address": letters.address(0).replace("0", "{}"),
        "page": letters.page_url(0).rstrip("0"),
        "leave": letters.leave_url(0).rstrip("0"),
    }
    node = tool("node")
    assert node is not None
    said = ran(
        [node, str(_SCRIPT), json.dumps(order)], seconds, {**os.environ, "NODE_PATH": str(modules)}
    )
    told = json.loads(said)
    if told["accepted"] != messages:
        raise RuntimeError(f"Nodemailer: {told}")
    return float(told["seconds"])


def smtplib(port: int, messages: int) -> float:
    """The standard library: an `EmailMessage` for each recipient, over a few connections."""

    def share(numbers: range) -> None:
        with SMTP("127.0.0.1", port) as smtp:
            for number in numbers:
                smtp.send_message(_email_message(number))

    begun = perf_counter()
    with ThreadPoolExecutor(_SMTPLIB_CONNECTIONS) as pool:
        list(pool.map(share, _spread(messages)))
    return perf_counter() - begun


def _email_message(number: int) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = letters.SENDER, letters.address(number)
    mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid()
    mail["Subject"] = letters.SUBJECT
    mail["List-Unsubscribe"] = f"<{letters.leave_url(number)}>"
    mail.set_content(f"{letters.BODY}\n{letters.page_url(number)}\n")
    return mail


def _spread(messages: int) -> Sequence[range]:
    step = -(-messages // _SMTPLIB_CONNECTIONS)
    return [range(start, min(start + step, messages)) for start in range(0, messages, step)]


def openssl_signs(processes: int, seconds: int) -> float:
    """RSA-2048 signatures a second by `openssl speed`, by the clock.  Raises Absent."""
    program = tool("openssl")
    if program is None:
        raise Absent("openssl is not here")
    several = ["-multi", str(processes)] if processes > 1 else []
    words = ["speed", "-elapsed", "-seconds", str(seconds), *several, "rsa2048"]
    said = ran([program, *words], seconds * 2 + 30)
    line = next(line for line in said.splitlines() if line.startswith("rsa 2048 bits"))
    return float(line.split()[-2])


def versions() -> list[str]:
    """Of everything that was measured and is there."""
    asked = {
        "Postfix": ["postconf", "-d", "-h", "mail_version"],
        "node": ["node", "--version"],
        "OpenSSL": ["openssl", "version"],
    }
    found = [f"Python {sys.version.split()[0]}"]
    for name, (program, *words) in asked.items():
        path = tool(program)
        if path is not None:
            found.append(f"{name} {ran([path, *words], 10).removeprefix('OpenSSL').strip()}")
    return found
