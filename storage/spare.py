"""A PostgreSQL database of one's own, for as long as a measurement takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

# What makes a commit as durable as SQLite's with synchronous=FULL.
_SHOWN = ("server_version", "fsync", "synchronous_commit")


@contextmanager
def spare_database(server: str) -> Iterator[str]:
    """Make an empty database beside the one of this URL, and drop it; gives its URL.

    The role must be allowed to create databases.
    """
    name = f"renrakumo_bench_{os.getpid()}"
    url = make_url(server)
    _order(server, f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _order(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def server_facts(server: str) -> dict[str, str]:
    """Which PostgreSQL it is, and how durable its commits are."""
    engine = create_engine(server, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return {each: str(connection.execute(text(f"SHOW {each}")).scalar()) for each in _SHOWN}
    finally:
        engine.dispose()


def analyze(server: str) -> None:
    """Count what is in the tables, as autovacuum does a minute after much has come in."""
    _order(server, "ANALYZE")


def _order(url: str, order: str) -> None:
    """One statement that PostgreSQL takes only outside transactions."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.execute(text(order))
    finally:
        engine.dispose()
