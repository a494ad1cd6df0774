"""`explain`: what scripts rely on."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main

NOW = "2026-11-22T20:00:00+09:00"


def _run(*arguments: str, lines: str | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=lines)


def test_when_reads_a_text() -> None:
    result = _run("when", "明日7時", "--now", NOW)
    answer = json.loads(result.stdout)
    assert (answer["at"], answer["verdict"]) == ("2026-11-23T07:00:00+09:00", "ok")


def test_when_reads_lines() -> None:
    lines = "\n".join(
        json.dumps({"text": text, "now": NOW}) for text in ("7:00", "25時", "昨日7時")
    )
    verdicts = [
        json.loads(line)["verdict"] for line in _run("when", lines=lines).stdout.splitlines()
    ]
    assert verdicts == ["ok", "unclear", "past"]


def test_an_unclear_time_has_no_moment() -> None:
    assert json.loads(_run("when", "明日3時", "--now", NOW).stdout)["at"] is None


BAD_LINES = {
    "no JSON": "nonsense",
    "a list": "[]",
    "empty": "{}",
    "a text": '"text"',
    "no time": '{"text": "7時", "now": "?"}',
    "endless": "[" * 100_000,
}


@pytest.mark.parametrize("lines", BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines_are_bad_arguments(lines: str) -> None:
    result = _run("when", lines=lines)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_bad_now_is_a_bad_argument() -> None:
    assert _run("when", "7時", "--now", "yesterday").exit_code == 2


def test_school_ids_are_folded() -> None:
    lines = "ｋ７ｑ３ー９ｍｘｐー４ｔｗｒ\nhello\n"
    answers = [json.loads(line) for line in _run("school-id", lines=lines).stdout.splitlines()]
    assert answers == [{"id": "K7Q3-9MXP-4TWR"}, {"id": None}]


def test_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _run("school-id", "K7Q3-9MXP-4TWR")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_now_at_the_end_of_time_is_a_bad_argument(now: str) -> None:
    result = _run("when", "明日7時", "--now", now)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
