"""What a test may need from the machine, and how to tell whether it is there.

`missing(name)` answers with a sentence saying what is missing, or None. A new need is one
function here and, so that CI has it, one package in `.ci/run`.
"""

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL, make_url

POSTGRESQL = "RENRAKUMO_TEST_POSTGRESQL"
CHROMIUM = "RENRAKUMO_TEST_CHROMIUM"


def postgresql_server() -> URL:
    """The database from which the tests create their own, as an SQLAlchemy URL."""
    return make_url(os.environ.get(POSTGRESQL, "postgresql+psycopg://root@127.0.0.1:5432/test"))


def connect_postgresql() -> psycopg.Connection:
    """Connect to `postgresql_server()`, each statement its own transaction."""
    url = postgresql_server().set(drivername="postgresql")
    return psycopg.connect(
        url.render_as_string(hide_password=False), autocommit=True, connect_timeout=5
    )


def chromium_path() -> Path:
    """The browser that playwright drives: Debian's, never one it downloads."""
    return Path(os.environ.get(CHROMIUM, "/usr/bin/chromium"))


def _postgresql() -> str | None:
    try:
        with connect_postgresql() as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        where = postgresql_server().render_as_string(hide_password=True)
        return f"PostgreSQL does not answer at {where} (set {POSTGRESQL}): {error}".strip()
    if row is None or not row[0]:
        return f"the role of {POSTGRESQL} may not create databases"
    return None


def _chromium() -> str | None:
    path = chromium_path()
    if os.access(path, os.X_OK):
        return None
    return f"no Chromium at {path} (apt-get install chromium, or set {CHROMIUM})"


def postfix_program(name: str) -> Path | None:
    """`smtp-sink`, `smtp-source` or `postfix` itself, which Debian puts where only root looks."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    return Path(found) if found else None


def _postfix() -> str | None:
    if postfix_program("smtp-sink"):
        return None
    return "no smtp-sink on the path or in /usr/sbin (apt-get install postfix)"


_PROBES: dict[str, Callable[[], str | None]] = {
    "chromium": _chromium,
    "postfix": _postfix,
    "postgresql": _postgresql,
}

NAMES = frozenset(_PROBES)


@cache
def missing(name: str) -> str | None:
    """Say what is missing for the need called `name`, or None; probed once per process."""
    return _PROBES[name]()
