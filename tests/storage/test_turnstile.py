"""Writers on SQLite wait in turn, in threads and in processes."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.database import Database
from storage.tables import Board
from storage.turnstile import Turnstile
from tests.databases import START
from tests.house.tree import ROOT

_HOLDER = """
import sys
from storage.turnstile import Turnstile
with Turnstile(sys.argv[1]).passed():
    print("in", flush=True)
    sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def _passes(turnstile: Turnstile) -> threading.Thread:
    def go() -> None:
        with turnstile.passed():
            pass

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    return thread


def test_nobody_passes_while_another_process_is_in(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with _holder(path) as holder:
        waiting = _passes(Turnstile(str(path)))
        waiting.join(0.05)
        assert waiting.is_alive()
        assert holder.stdin is not None
        holder.stdin.close()
        waiting.join(10)
        assert not waiting.is_alive()


def test_a_killed_process_gives_its_turn_on(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with _holder(path) as holder:
        waiting = _passes(Turnstile(str(path)))
        holder.kill()
        waiting.join(10)
        assert not waiting.is_alive()


def test_a_failed_transaction_gives_its_turn_on(sqlite_database: Database) -> None:
    try:
        with sqlite_database.writing():
            raise RuntimeError
    except RuntimeError:
        pass
    with sqlite_database.writing() as tx:
        tx.session.add(Board(code="next", name="市", created_at=START))


def test_threads_write_one_after_the_other(sqlite_database: Database) -> None:
    def write(number: int) -> None:
        with sqlite_database.writing() as tx:
            tx.session.add(Board(code=f"b{number}", name="市", created_at=START))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite_database.reading() as tx:
        assert tx.session.query(Board).count() == 20


def test_a_transaction_within_a_transaction_is_told_so(sqlite_database: Database) -> None:
    with (
        sqlite_database.writing(),
        pytest.raises(RuntimeError, match="within"),
        sqlite_database.writing(),
    ):
        pass
    with sqlite_database.writing():
        pass


def test_whoever_is_called_away_in_the_doorway_leaves_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turnstile = Turnstile(str(tmp_path / "db"))
    real, asked = fcntl.flock, []

    def called_away(file: int, operation: int) -> None:
        asked.append(operation)
        if len(asked) == 2:
            raise KeyboardInterrupt
        real(file, operation)

    monkeypatch.setattr("storage.turnstile.fcntl.flock", called_away)
    with pytest.raises(KeyboardInterrupt), turnstile.passed():
        pass
    monkeypatch.setattr("storage.turnstile.fcntl.flock", real)
    other = _passes(Turnstile(str(tmp_path / "db")))
    other.join(10)
    assert not other.is_alive()
