"""`backup` and `restore`, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from delivery.journal import Journal, host_id
from storage.audit import entries_of
from storage.database import Database
from storage.tables import AuditEntry, Board, School
from tests.commands.installed import Installation


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation on each database."""
    more = {}
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql_url")
    made = Installation(tmp_path / "var", **more)
    yield made
    made.house.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "var")
    yield made
    made.house.close()


def database(installation: Installation) -> Database:
    return installation.house.database


def open_school(installation: Installation, code: str) -> None:
    listed = Path(installation.values["var_dir"]) / f"{code}.csv"
    listed.write_text(f"code,name,kind\n{code},{code}小学校,primary\n")
    assert installation.run("schools", "import", str(listed)).exit_code == 0


def restore(installation: Installation, file: Path, *options: str) -> Result:
    """As a person does it who stopped everything before."""
    database(installation).close()
    return installation.run("restore", str(file), *options)


def restored(installation: Installation, file: Path) -> dict[str, Any]:
    result = restore(installation, file, "--force", "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def codes(installation: Installation) -> list[str]:
    return [row["code"] for row in installation.json("schools", "list")]


def test_there_and_back(installation: Installation, tmp_path: Path) -> None:
    open_school(installation, "A1")
    file = tmp_path / "city.backup"
    made = installation.json("backup", str(file))
    assert made["file"] == str(file)
    assert {Path(path).name for path in made["keep"]} == {"keys.json", "secret.key"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    open_school(installation, "B2")
    refused = restore(installation, file)
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert codes(installation) == ["A1", "B2"]
    found = restored(installation, file)
    assert codes(installation) == ["A1"]
    assert found["aside"]
    assert installation.json("audit", "verify") == []
    with database(installation).reading() as tx:
        board = installation.house.board_id
        last = entries_of(tx, f"board:{board}")[-1]
    assert (last.verb, last.details["taken_at"]) == ("restore", made["taken_at"])
    # Numbers that were given since are not given again.
    open_school(installation, "C3")
    with database(installation).reading() as tx:
        third = tx.session.scalars(select(School.id).where(School.code == "C3")).one()
    assert third > 1_000_000


def test_what_was_there_is_kept(plain: Installation, tmp_path: Path) -> None:
    open_school(plain, "A1")
    file = tmp_path / "city.backup"
    plain.json("backup", str(file))
    open_school(plain, "B2")
    aside = restored(plain, file)["aside"]
    shutil.copy(aside, Path(plain.values["var_dir"]) / "x.db")
    assert codes(plain) == ["A1", "B2"]
    assert [path.name for path in Path(plain.values["var_dir"]).glob(".*")] == []


def test_a_new_machine_with_the_keys_needs_no_force(
    installation: Installation, tmp_path: Path
) -> None:
    open_school(installation, "A1")
    file = tmp_path / "city.backup"
    installation.json("backup", str(file))
    var = Path(installation.values["var_dir"])
    new = tmp_path / "new"
    new.mkdir()
    values = installation.values | {"var_dir": str(new), "database_url": f"sqlite:///{new}/y.db"}
    fresh = Installation.__new__(Installation)
    fresh.values = values
    without_keys = fresh.run("restore", str(file))
    assert without_keys.exit_code == 1
    assert "keys.json" in without_keys.output
    assert list(new.iterdir()) == []
    for name in ("keys.json", "secret.key"):
        shutil.copy(var / name, new / name)
    result = fresh.run("restore", str(file), "--json")
    if database(installation).is_sqlite:
        assert result.exit_code == 0, result.output
        assert codes(fresh) == ["A1"]
    else:
        assert "postgresql" in result.output
        assert result.exit_code == 1


def test_other_keys_open_nothing_and_change_nothing(plain: Installation, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    plain.json("backup", str(file))
    open_school(plain, "A1")
    database(plain).close()
    keys = Path(plain.values["var_dir"]) / "keys.json"
    ring = json.loads(keys.read_text())
    ring["keys"] = {"1": "ab" * 32}
    keys.write_text(json.dumps(ring))
    refused = restore(plain, file, "--force")
    assert refused.exit_code == 1
    assert "data 1" in refused.output
    assert codes(plain) == ["A1"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "no zip", "newer", "another board"])
def test_what_is_no_whole_backup_of_ours_is_refused(
    plain: Installation, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "city.backup"
    plain.json("backup", str(file))
    open_school(plain, "A1")
    harm(file, damage)
    refused = restore(plain, file, "--force")
    assert refused.exit_code == 1
    assert "nothing was changed" in refused.output
    assert "Traceback" not in refused.output
    assert codes(plain) == ["A1"]


def harm(file: Path, damage: str) -> None:
    raw = bytearray(file.read_bytes())
    if damage == "flipped":
        raw[len(raw) // 2] ^= 1
        file.write_bytes(raw)
    elif damage == "cut":
        file.write_bytes(raw[: len(raw) // 2])
    elif damage == "no zip":
        file.write_bytes(b"SQLite format 3\0" * 100)
    else:
        changes = {"newer": {"schema": "9999"}, "another board": {"boards": ["other"]}}[damage]
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(parts["manifest.json"]) | changes
        parts["manifest.json"] = json.dumps(manifest).encode()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)


def test_nothing_is_restored_while_somebody_works(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "city.backup"
    installation.json("backup", str(file))
    folder = Path(installation.values["var_dir"]) / "journal"
    host_id(folder)
    worker = Journal(folder, "living")
    refused = restore(installation, file, "--force")
    assert "worker is running" in refused.output
    worker.close()
    with database(installation).reading() as tx:
        assert tx.session.scalars(select(Board)).all()
        refused = installation.run("restore", str(file), "--force")
    assert refused.exit_code == 1
    assert "nothing was changed" in refused.output
    assert restore(installation, file, "--force").exit_code == 0


def test_a_backup_replaces_nothing(plain: Installation, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    file.write_text("something else")
    refused = plain.run("backup", str(file))
    assert refused.exit_code == 1
    assert file.read_text() == "something else"


def test_a_program_that_is_missing_is_named(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Installation(tmp_path / "var", database_url=postgresql_url)
    with closing(made.house):
        monkeypatch.setenv("PATH", str(tmp_path))
        refused = made.run("backup", str(tmp_path / "city.backup"))
    assert refused.exit_code == 1
    assert "postgresql-client" in refused.output
    assert not (tmp_path / "city.backup").exists()


def test_a_broken_database_is_restored_over(plain: Installation, tmp_path: Path) -> None:
    """The day for which one has a backup."""
    open_school(plain, "A1")
    file = tmp_path / "city.backup"
    plain.json("backup", str(file))
    database(plain).close()
    path = Path(plain.values["var_dir"]) / "x.db"
    path.write_bytes(path.read_bytes()[:8192] + os.urandom(50_000))
    assert restore(plain, file).exit_code == 1
    restored(plain, file)
    assert codes(plain) == ["A1"]


def test_the_doctor_says_how_old_the_last_one_is(plain: Installation, tmp_path: Path) -> None:
    assert plain.doctor()["backup"] == (False, "none made by `renrakumo backup` yet")
    plain.json("backup", str(tmp_path / "city.backup"))
    wrong, words = plain.doctor()["backup"]
    assert not wrong
    assert words.startswith("made 20")
    with database(plain).writing() as tx:
        made = select(AuditEntry).where(AuditEntry.verb == "back_up")
        tx.session.scalars(made).one().at = tx.now - timedelta(days=9)
    wrong, words = plain.doctor()["backup"]
    assert wrong
    assert "9 days old" in words
