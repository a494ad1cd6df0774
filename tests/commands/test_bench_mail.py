"""`bench mail`: what it measures is true, what is missing is said, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from app import main
from commands.bench import names, ours, page, peers, sinks
from commands.bench.children import ProgramFailed, child, ran
from commands.bench.peers import Absent
from commands.bench.sinks import best_sink
from commands.bench.stage import Row
from settings import PREFIX

FOLDERS = "renrakumo-bench-*"
ANSWER = "import time, signal; print('there', flush=True); time.sleep(60)"


def _row(name: str, rate: int, messages: int = 0) -> Row:
    return Row.of(name, messages or rate, (messages or rate) / rate)


def test_the_sender_and_the_whole_path_lose_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}VAR_DIR", str(tmp_path))
    before = set(Path("/var/tmp").glob(FOLDERS))
    file = tmp_path / "bench.json"
    parts = [f"--only={part}" for part in ("source", "sender", "sqlite", "postgresql")]
    words = ["bench", "mail", "--quick", "--messages=60", *parts, f"--json={file}"]
    result = CliRunner().invoke(main, [*words, "--postgresql="], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "postgresql left out" in result.output
    rows = {row["name"]: row for row in json.loads(file.read_text())}
    assert {"name", "messages", "seconds", "rate", "peer", "ratio"} <= set(rows[names.SENDER])
    assert rows[names.SENDER]["doubled"] == 0
    whole = rows[names.whole_name("SQLite", 60)]
    assert (whole["messages"], whole["lost"], whole["doubled"]) == (60, 0, 0)
    assert 0 < whole["memory_start_mb"] <= whole["memory_peak_mb"]
    assert whole["approved_ahead"] > 0
    assert set(Path("/var/tmp").glob(FOLDERS)) <= before


def test_without_postfix_our_stand_in_takes_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "tool", lambda _: None)
    monkeypatch.setattr(peers, "tool", lambda _: None)
    with best_sink(tmp_path) as sink:
        assert sink.name != "smtp-sink"
        key = ours.write_key(tmp_path)
        assert ours.send(sink.port, 9, 2, processes=2, key=key).accepted == 9
        assert peers.smtplib(sink.port, 5) > 0
        assert sink.count() == 14
        with pytest.raises(Absent, match="smtp-source"):
            peers.smtp_source(sink.port, 1, 1, 1)
    with pytest.raises(Absent, match="npm"):
        peers.nodemailer_in(tmp_path)


def test_whatever_happens_a_child_and_what_it_started_are_ended() -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ANSWER!r}])"
    with (
        suppress(KeyboardInterrupt),
        child([sys.executable, "-c", nested], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        raise KeyboardInterrupt
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(subprocess.TimeoutExpired):
        ran([sys.executable, "-c", ANSWER], 0.05)
    with pytest.raises(ProgramFailed, match="ended with 3: why"):
        ran([sys.executable, "-c", "print('why'); raise SystemExit(3)"], 20)


def test_each_measurement_stands_beside_its_peers_that_are_there() -> None:
    small, large = (names.whole_name("SQLite", count) for count in (20_000, 1_000_000))
    rates = {names.SOURCE: 100, names.NODEMAILER: 10, names.SENDER: 250}
    measured = {name: _row(name, rate) for name, rate in rates.items()}
    measured |= {large: _row(large, 125, 1_000_000), small: _row(small, 130, 20_000)}
    rows = names.rows_of(measured)
    told = {(row.name, row.peer): (row.ratio, row.more.get("target")) for row in rows}
    assert told == {
        (names.SOURCE, names.SOURCE): (1.0, None),
        (names.NODEMAILER, names.SOURCE): (0.1, None),
        (names.SENDER, names.SOURCE): (2.5, 2.0),
        (names.SENDER, names.NODEMAILER): (25.0, None),
        (small, names.SOURCE): (1.3, 1.2),
        (small, names.NODEMAILER): (13.0, 10.0),
        (large, names.SOURCE): (1.25, 1.2),
        (large, names.NODEMAILER): (12.5, 10.0),
        (large, small): (0.962, names.SAME_COST),
    }


def test_the_page_keeps_its_words_and_its_picture_can_be_drawn(tmp_path: Path) -> None:
    text = (page.DOCS / "bench.md").read_text()
    (tmp_path / "bench.md").write_text(text)
    rates = {names.SOURCE: 100, names.SENDER: 250, names.signed_name(1): 3}
    rows = names.rows_of({name: _row(name, rate) for name, rate in rates.items()})
    for _ in range(2):
        page.write(rows, [("date", "today")], ["postfix left out: it is not here"], tmp_path)
    written = (tmp_path / "bench.md").read_text()
    assert (
        written.count("| sender alone | 250 | 1.00 | 250 | smtp-source -d | 2.50 | 2.00 ✓ |") == 1
    )
    assert written.count("postfix left out") == 1
    assert written.rpartition("<!-- /measured -->")[2] == text.rpartition("<!-- /measured -->")[2]
    drawn = ElementTree.parse(tmp_path / "bench.svg").getroot()
    kinds = [each.get("class") for each in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert sorted(map(str, kinds)) == ["ours", "ours", "peer"]
    (tmp_path / "bench.md").write_text("another page")
    with pytest.raises(page.MarksMissing):
        page.write(rows, [], [], tmp_path)
