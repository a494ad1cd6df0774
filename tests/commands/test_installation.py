"""The command line of an installation, as the README tells a board to use it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app import main
from settings import PREFIX

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `renrakumo …` on an empty installation of its own."""
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path / "var"),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'renrakumo.db'}",
    }

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=environment)

    return call


def _json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def school(run: Run, migrated_sqlite: Path, tmp_path: Path) -> str:
    (tmp_path / "var").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "var" / "renrakumo.db")
    file = tmp_path / "schools.csv"
    file.write_text("code,name,kind\nS01,さくら小学校,primary\nS02,みどり中学校,junior_high\n")
    assert _json(run("schools", "import", str(file), "--json"))["opened"] == 2
    return "S01"


def test_the_first_school_can_be_set_up(run: Run, school: str) -> None:
    assert run("groups", "add", "--school", school, "--kind", "grade", "1年").exit_code == 0
    added = run("groups", "add", "--school", school, "--under", "1年", "1年1組", "1年2組")
    assert added.exit_code == 0, added.output
    groups = _json(run("groups", "list", "--school", school, "--json"))
    assert [group["name"] for group in groups] == ["1年", "1年1組", "1年2組"]


def test_a_school_id_is_issued(run: Run, school: str) -> None:
    issued = _json(run("school-id", "new", "--school", school, "--json"))
    assert set(issued) == {"school", "id", "expires"}
    folded = _json(CliRunner().invoke(main, ["explain", "school-id", issued["id"]]))
    assert folded == {"id": issued["id"]}


def test_staff_is_invited(run: Run, school: str) -> None:
    invited = _json(
        run("staff", "invite", "--role", "manager", "--school", school, "--name", "校長", "--json")
    )
    assert set(invited["links"]) == {"web", "line", "telegram", "mail"}
    assert invited["code"] in invited["links"]["web"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "manager"),
        ("--role", "board", "--school", "S01"),
        ("--role", "teacher", "--school", "S01"),
    ],
)
def test_a_misplaced_role_is_a_bad_argument(
    run: Run, school: str, arguments: tuple[str, ...]
) -> None:
    del school
    assert run("staff", "invite", "--name", "誰か", *arguments).exit_code == 2


def test_an_unknown_school_is_named(run: Run, school: str) -> None:
    del school
    result = run("school-id", "new", "--school", "S99")
    assert result.exit_code == 1
    assert "S99" in result.output
    assert "Traceback" not in result.output


def test_importing_twice_changes_nothing(run: Run, school: str, tmp_path: Path) -> None:
    del school
    again = _json(run("schools", "import", str(tmp_path / "schools.csv"), "--json"))
    assert (again["opened"], again["unchanged"], again["bad"]) == (0, 2, [])


def test_bad_rows_are_named_and_good_ones_kept(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sjis.csv"
    rows = (
        "code,name,kind",
        "A1,髙﨑小学校,primary",
        ",名なし,primary",
        "A3,三中,middle",
        "A1,別,other",
    )
    file.write_bytes("\r\n".join(rows).encode("cp932"))
    result = run("schools", "import", str(file), "--json")
    done = json.loads(result.stdout)
    assert result.exit_code == 1
    assert done["opened"] == 1
    assert [bad["line"] for bad in done["bad"]] == [3, 4, 5]
    assert [row["name"] for row in _json(run("schools", "list", "--json"))] == ["髙﨑小学校"]


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"name,code\n", b"\x00" * 50])
def test_what_is_no_list_of_schools_is_refused(run: Run, tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(raw)
    result = run("schools", "import", str(file))
    assert result.exit_code == 1
    assert "line 1" in result.output


def test_doctor_is_content_with_a_new_installation(run: Run) -> None:
    run("init")
    findings = _json(run("doctor", "--json"))
    assert not any(finding["wrong"] for finding in findings)
    mail = next(finding for finding in findings if finding["check"] == "mail")
    assert "RENRAKUMO_SMTP_URL" in mail["words"]


def test_doctor_sees_keys_that_others_may_read(run: Run, tmp_path: Path) -> None:
    run("init")
    (tmp_path / "var" / "keys.json").chmod(0o644)
    result = run("doctor")
    assert result.exit_code == 1
    assert "chmod 600" in result.output


def test_doctor_without_a_database_says_so(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 1
    assert "migrate" in result.output


def test_records_are_whole_and_lists_empty(run: Run) -> None:
    run("init")
    assert _json(run("audit", "verify", "--json")) == []
    assert _json(run("broadcast", "list", "--json")) == []


def test_an_unknown_broadcast_is_said(run: Run) -> None:
    run("init")
    result = run("broadcast", "show", "7")
    assert result.exit_code == 1
    assert "7" in result.output


def test_a_wrong_setting_is_named_without_its_value(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv(f"{PREFIX}SECRET_KEY", "too-short-secret")
    result = run("init")
    assert result.exit_code == 2
    assert f"{PREFIX}SECRET_KEY" in result.output
    assert "too-short-secret" not in result.output


def test_bad_arguments_exit_with_2(run: Run) -> None:
    assert run("no-such-verb").exit_code == 2


def test_an_empty_secret_is_said_plainly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret.key").touch()
    result = run("init")
    assert result.exit_code == 1
    assert "secret.key" in result.output
    assert "too short" in run("doctor").output
