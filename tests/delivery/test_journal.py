"""The journal: what was written is read again, whatever the moment of death left of it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import journal
from delivery.journal import Journal, JournalBroken, host_id, inherited
from domain.deliveries import without_addresses
from domain.outcomes import Accepted, Outcome, Placed, Refused, Split, TryLater, Unknown
from storage.closing import Remains

text = st.text(max_size=30)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Accepted, text.map(without_addresses)),
    st.builds(Placed),
    st.builds(TryLater, text, st.none() | st.integers(1, 9999).map(lambda s: timedelta(seconds=s))),
    st.builds(Refused, text),
    st.builds(Unknown, text),
    st.builds(Split, st.integers(0, 9)),
)
entries = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 9), st.none() | outcomes)


def written(directory: Path, lines: list[tuple[int, int, int, Outcome | None]]) -> Journal:
    made = Journal(directory, "worker")
    for chunk_id, epoch, delivery_id, outcome in lines:
        if outcome is None:
            made.intents(chunk_id, epoch, [delivery_id])
        else:
            made.outcomes(chunk_id, epoch, [(delivery_id, outcome)])
    return made


def expected(lines: list[tuple[int, int, int, Outcome | None]]) -> dict[journal.Key, Remains]:
    found: dict[journal.Key, tuple[list[tuple[int, Outcome]], dict[int, None]]] = {}
    for chunk_id, epoch, delivery_id, outcome in lines:
        settled, asked = found.setdefault((chunk_id, epoch), ([], {}))
        if outcome is None:
            asked[delivery_id] = None
        else:
            settled.append((delivery_id, outcome))
            asked.pop(delivery_id, None)
    return {key: Remains(tuple(s), tuple(a)) for key, (s, a) in found.items()}


@given(lines=st.lists(entries, max_size=30), cut=st.integers(0, 200))
def test_a_torn_end_loses_no_whole_line(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[int, int, int, Outcome | None]],
    cut: int,
) -> None:
    made = written(tmp_path_factory.mktemp("journal"), lines)
    whole = made.path.read_bytes()
    kept = whole[: max(0, len(whole) - cut)]
    made.path.write_bytes(kept)
    assert journal.read(made.path) == expected(lines[: kept.count(b"\n")])
    made.close()


@given(garbage=st.binary(max_size=60))
def test_garbage_says_nothing(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    made = written(tmp_path_factory.mktemp("journal"), [(1, 1, 5, None)])
    with made.path.open("ab") as file:
        file.write(b"\0" * 20 + garbage.replace(b"i", b"x").replace(b"o", b"x") + b"\n")
    made.intents(1, 1, [6])
    assert journal.read(made.path) == {(1, 1): Remains((), (5, 6))}
    made.close()


def test_what_else_a_provider_said_is_not_written(tmp_path: Path) -> None:
    made = written(tmp_path, [(1, 1, 1, Refused("no_mailbox", "taro@example.jp unknown"))])
    assert b"taro" not in made.path.read_bytes()
    made.close()


def test_the_lock_tells_the_living_from_the_dead(tmp_path: Path) -> None:
    made = written(tmp_path, [(1, 1, 1, None)])
    with inherited(made.path) as ours:
        assert not ours
    path = made.path
    os.close(made._fd)
    with inherited(path) as ours:
        assert ours


def test_a_journal_that_is_gone_can_be_inherited(tmp_path: Path) -> None:
    with inherited(tmp_path / "none.journal") as ours:
        assert ours


def test_a_file_put_in_place_meanwhile_is_not_inherited(tmp_path: Path) -> None:
    made = written(tmp_path, [(1, 1, 1, None)])
    old = os.open(made.path, os.O_RDWR)
    made.compact(lambda: {(1, 1)})
    assert not journal._lock_is_free(old, made.path)
    os.close(old)
    made.close()


def test_compacting_keeps_what_is_held(tmp_path: Path) -> None:
    lines: list[tuple[int, int, int, Outcome | None]] = [
        (1, 1, 1, None),
        (1, 1, 1, Accepted("x")),
        (2, 1, 2, None),
        (2, 2, 3, None),
    ]
    made = written(tmp_path, lines)
    before = made.size
    made.compact(lambda: {(2, 2)})
    made.intents(2, 2, [4])
    assert journal.read(made.path) == {(2, 2): Remains((), (3, 4))}
    assert made.size < before
    made.sync()
    made.close()
    assert not made.path.exists()


def test_many_threads_tear_no_line(tmp_path: Path) -> None:
    made = Journal(tmp_path, "worker")

    def write(chunk_id: int) -> None:
        for number in range(200):
            made.intents(chunk_id, 1, [number])
            made.outcomes(chunk_id, 1, [(number, Accepted("250 ok"))])

    threads = [Thread(target=write, args=(chunk_id,)) for chunk_id in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = journal.read(made.path)
    assert [len(read[chunk_id, 1].outcomes) for chunk_id in range(4)] == [200] * 4
    assert not any(remains.intents for remains in read.values())
    made.close()


def test_a_sick_disk_stops_the_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Journal(tmp_path, "worker")
    monkeypatch.setattr(os, "write", lambda _fd, line: len(line) - 1)
    with pytest.raises(JournalBroken):
        made.intents(1, 1, [1])
    monkeypatch.undo()
    made.close()


def test_nothing_is_written_after_a_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = written(tmp_path, [(1, 1, 1, None)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[:5]))
    with pytest.raises(JournalBroken):
        made.intents(2, 1, [2])
    monkeypatch.undo()
    with pytest.raises(JournalBroken):
        made.intents(3, 1, [3])
    with pytest.raises(JournalBroken):
        made.outcomes(1, 1, [(1, Accepted())])
    assert journal.read(made.path) == {(1, 1): Remains((), (1,))}
    made.close()


def test_a_disk_that_lost_lines_gets_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = written(tmp_path, [(1, 1, 1, None)])

    def sick(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", sick)
    with pytest.raises(JournalBroken):
        made.sync()
    with pytest.raises(JournalBroken):
        made.intents(1, 1, [2])
    made.close()


def test_compacting_on_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = written(tmp_path, [(1, 1, 1, None), (2, 1, 2, None)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, lines: write(fd, lines[:5]))
    with pytest.raises(OSError, match="part"):
        made.compact(lambda: {(1, 1), (2, 1)})
    monkeypatch.undo()
    assert journal.read(made.path) == {(1, 1): Remains((), (1,)), (2, 1): Remains((), (2,))}
    assert [path.name for path in tmp_path.iterdir()] == [made.path.name]
    made.close()


def test_the_host_keeps_its_name(tmp_path: Path) -> None:
    assert host_id(tmp_path / "a") == host_id(tmp_path / "a")
    assert host_id(tmp_path / "a") != host_id(tmp_path / "b")


def test_a_line_that_no_reader_bears_costs_no_other_line(tmp_path: Path) -> None:
    made = written(tmp_path, [(1, 1, 7, Refused("blocked"))])
    huge = str(2**63).encode()
    with made.path.open("ab") as file:
        file.write(b'o 1 1 8 ["l","x",1e999]\n')
        file.write(b"o 1 1 8 " + b"[" * 100_000 + b"\n")
        file.write(b"i 1 1 8 %b\na 1 1 %b:ref\ni %b 1 8\ni 1 -1 8\n" % (huge, huge, huge))
    made.intents(1, 1, [9])
    assert journal.read(made.path) == {(1, 1): Remains(((7, Refused("blocked")),), (9,))}


def test_a_reference_that_is_an_address_is_not_written_down(tmp_path: Path) -> None:
    made = written(tmp_path, [(1, 1, 7, Accepted("queued for <taro@docomo.ne.jp> as 4A"))])
    assert b"docomo" not in made.path.read_bytes()
    assert journal.read(made.path)[1, 1].outcomes == ((7, Accepted("queued for as 4A")),)
