"""`slips` and `schools set`, as an administrator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main
from settings import PREFIX

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
    }
    file = tmp_path / "schools.csv"
    file.write_text("code,name,kind\nS01,第一小学校,primary\n")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=environment)

    for line in (["init"], ["schools", "import", str(file)]):
        assert call(*line).exit_code == 0
    added = call("groups", "add", "--school", "S01", "3年1組", "3年2組")
    assert added.exit_code == 0, added.output
    return call


def test_slips_are_made_printed_and_revoked(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "slips.pdf"
    base = ("slips", "make", "--school", "S01", "--class", "3年2組")
    made = run(*base, "--numbers", "1-10,12", "--out", str(out), "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout) == {"children": 11, "new": 11, "file": str(out)}
    assert out.read_bytes().startswith(b"%PDF-")
    again = run(*base, "--out", str(out))
    assert "11 slips (0 new codes)" in again.output
    revoked = run("slips", "revoke", "--school", "S01", "--class", "3年2組", "--numbers", "12")
    assert "revoked 1" in revoked.output
    for wrong in ("0-3", "35-1", "x"):
        assert run(*base, "--numbers", wrong, "--out", str(out)).exit_code == 2
    unknown = run("slips", "make", "--school", "S01", "--class", "9年9組", "--out", str(out))
    assert (unknown.exit_code, "has no class" in unknown.output) == (1, True)
    nothing = run("slips", "make", "--school", "S01", "--class", "3年1組", "--out", str(out))
    assert (nothing.exit_code, "nothing to print" in nothing.output) == (1, True)


def test_the_poster_shows_the_school_id(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "poster.pdf"
    assert run("slips", "poster", "--school", "S01", "--out", str(out)).exit_code == 1
    assert run("school-id", "new", "--school", "S01").exit_code == 0
    assert run("slips", "poster", "--school", "S01", "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith(b"%PDF-")


def test_a_school_is_set_up(run: Run) -> None:
    done = run("schools", "set", "S01", "--admission", "confirm", "--phone", "048(963)0001")
    assert done.output.strip() == "S01: confirm, 048-963-0001"
    assert run("schools", "set", "S01", "--phone", "12").exit_code == 1
    assert "048-963-0001" in run("schools", "set", "S01", "--admission", "open").output
    assert "no telephone" in run("schools", "set", "S01", "--phone", "").output
    assert run("schools", "set", "S01").exit_code == 2
    assert run("schools", "set", "S99", "--admission", "open").exit_code == 1
    assert run("schools", "set", "S01", "--admission", "closed").exit_code == 2
