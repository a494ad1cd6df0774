"""Every route says who may call it, and why one that is open is open."""

from __future__ import annotations

from pathlib import Path

from storage.database import Database
from tests.databases import SECRET, VAULT
from web.application import create_web
from web.routes import Right, rights
from web.services import Services


def test_every_route_is_authenticated_or_public_on_purpose(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'unused.db'}", VAULT, SECRET)
    services = Services(database, {}, "http://localhost", 1, SECRET, demo=True)
    found = rights(create_web(services))
    database.close()
    assert found, "no routes at all"
    unmarked = [route for route, right in found.items() if right is None]
    assert unmarked == []
    for route, right in found.items():
        assert isinstance(right, Right)
        assert len(right.sentence) > 20, f"{route}: say it in a sentence"
