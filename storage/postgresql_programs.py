"""PostgreSQL's own programs for dumping and loading, and the schemas beside ours.

Our tables lie in the schema `public`. What a restore replaces is kept as another schema of the
same database: that needs no right beyond those of the database's owner.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine

_ASIDE = "before_restore_*"


class ProgramMissing(Exception):
    """A program of PostgreSQL's is not there, or too old; the words are for a person."""


class ProgramFailed(Exception):
    """A program of PostgreSQL's ended with an error."""


def dump(engine: Engine, to: Path) -> None:
    program = _program("pg_dump", engine)
    _run(engine, [program, "-Fc", "--no-owner", "--no-acl", "-N", _ASIDE, "-f", str(to)])
    _contents(_program("pg_restore", engine), to)


def load(engine: Engine, dump: Path) -> None:
    """Fill a new schema `public`, wholly or not at all."""
    program = _program("pg_restore", engine)
    wanted = [line for line in _contents(program, dump) if " SCHEMA " not in line]
    with _connected(engine) as connection:
        connection.execute("CREATE SCHEMA public")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("\n".join(wanted))
        chosen.flush()
        options = ["--no-owner", "--no-acl", "--single-transaction", "--exit-on-error"]
        _run(engine, [program, *options, "-L", chosen.name], str(dump))


def set_aside(engine: Engine, name: str) -> None:
    """Keep what is there under another name."""
    with _connected(engine) as connection:
        connection.execute(_named("ALTER SCHEMA public RENAME TO {}", name))


def put_back(engine: Engine, name: str) -> None:
    """Undo `set_aside`, and whatever came after it."""
    with _connected(engine) as connection, connection.transaction():
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute(_named("ALTER SCHEMA {} RENAME TO public", name))


def others(engine: Engine) -> int:
    """How many connections to the database there are beside this one."""
    with _connected(engine) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    return row[0] if row else 0


def _named(statement: LiteralString, name: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(name))


def _arguments(engine: Engine) -> dict[str, str]:
    """What the driver would connect with, as libpq's parameters."""
    _, given = engine.dialect.create_connect_args(engine.url)
    names = {"database": "dbname", "username": "user"}
    known = {"host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "service"}
    said = {names.get(name, name): str(value) for name, value in given.items()}
    return {name: value for name, value in said.items() if name in known}


def _connected(engine: Engine) -> psycopg.Connection:
    return psycopg.connect(make_conninfo("", **_arguments(engine)), autocommit=True)


def _run(engine: Engine, command: list[str], *last: str) -> str:
    """Run a program on our database; the password goes by the environment, never by `ps`."""
    arguments = _arguments(engine)
    password = arguments.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    whole = [*command, "-d", make_conninfo("", **arguments), *last]
    done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramFailed(f"{Path(command[0]).name} failed: {_first_error(done.stderr)}")
    return done.stdout


def _first_error(said: str) -> str:
    """The first line that names an error; what follows it may quote a row."""
    errors = [line for line in said.splitlines() if "error:" in line]
    return (errors or ["no reason given"])[0][:300]


def _contents(program: str, dump: Path) -> list[str]:
    """The entries of a dump, which is also how it is seen to be one."""
    done = subprocess.run(
        [program, "--list", str(dump)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ProgramFailed(f"pg_restore cannot read the dump: {_first_error(done.stderr)}")
    return [line for line in done.stdout.splitlines() if line and not line.startswith(";")]


def _program(name: str, engine: Engine) -> str:
    """Where a program is; raises ProgramMissing where it is not there or older than the server."""
    found = shutil.which(name)
    if found is None:
        raise ProgramMissing(f"{name} is not installed (Debian: apt install postgresql-client)")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)(?:\.\d+)?", said)
    own = int(version.group(1)) if version else 0
    with _connected(engine) as connection:
        server = connection.info.server_version // 10_000
    if own < server:
        raise ProgramMissing(f"{name} is of PostgreSQL {own}, older than the server's {server}")
    return found
