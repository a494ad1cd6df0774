"""`lanes`, as an administrator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main
from commands.house import House
from settings import PREFIX, Settings
from storage import lane_states
from storage.audit import entries_of
from storage.lane_states import Key

Run = Callable[..., Result]
VALUES = {"rate": 8.0, "connections": 3, "measured": 7.91, "baseline": 0.011, "share": 0.4}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv(f"{PREFIX}VAR_DIR", str(tmp_path))
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"sqlite:///{tmp_path / 'x.db'}")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    assert call("init").exit_code == 0
    return call


def test_before_anything_was_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("lanes", "list").output == "no mail was sent to anybody yet\n"
    assert json.loads(run("lanes", "list", "--json").stdout) == []
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    for command in (("lanes", "list"), ("lanes", "resume", "docomo"), ("broadcast", "list")):
        early = run(*command)
        assert (early.exit_code, "run `renrakumo init`" in early.output) == (1, True)


def test_a_stopped_destination_is_listed_and_goes_on_by_a_word(run: Run) -> None:
    house = House(Settings())
    with house.database.writing() as tx:
        lane_states.put(tx, Key("email", "email", "gmail", ""), {**VALUES, "rate": None})
        lane_states.stop(tx, Key("email", "email", "docomo", "192.0.2.1"), VALUES)
    docomo, gmail = json.loads(run("lanes", "list", "--json").stdout)
    assert (docomo["site"], docomo["egress"], docomo["unknown %"]) == ("docomo", "192.0.2.1", 40.0)
    assert (docomo["per second"], docomo["measured"], docomo["usual %"]) == (8.0, 7.9, 1.1)
    assert docomo["stopped"]
    assert (gmail["per second"], gmail["stopped"]) == (None, None)
    assert "docomo" in run("lanes", "list").output
    for wrong, said in (("gmail", "is not stopped"), ("docmo", "nothing was ever sent")):
        refused = run("lanes", "resume", wrong)
        assert (refused.exit_code, said in refused.output) == (1, True)
    resumed = run("lanes", "resume", "docomo")
    assert (resumed.exit_code, "goes on" in resumed.output) == (0, True)
    with house.database.reading() as tx:
        assert lane_states.stopped(tx) == []
        entries = [entry for entry in entries_of(tx, "board:1") if entry.verb == "resume_lane"]
    house.close()
    assert [(entry.subject, entry.details) for entry in entries] == [("lane:docomo", {"lanes": 1})]
