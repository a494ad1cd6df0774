"""`explain`: how the system reads an input, as JSON; nothing is stored, no database needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from commands.printing import print_json
from domain.school_ids import fold_school_id
from domain.when import read_when

TOKYO = ZoneInfo("Asia/Tokyo")


@click.group()
def explain() -> None:
    """Show how an input is read."""


@explain.command("when")
@click.argument("text", required=False)
@click.option("--now", "now_text", help="The moment at which it is typed, in ISO 8601.")
def explain_when(text: str | None, now_text: str | None) -> None:
    """Read a send time; without TEXT, JSON lines {"text", "now"} from standard input."""
    if text is not None:
        print_json(_when(text, now_text))
        return
    for line in _lines():
        try:
            asked = json.loads(line)
            print_json(_when(str(asked["text"]), asked.get("now") or now_text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise click.UsageError(f'expected {{"text", "now"}} on each line: {error}') from None


def _when(text: str, now_text: str | None) -> dict[str, Any]:
    try:
        reading = read_when(text, _moment(now_text), TOKYO)
    except OverflowError:
        raise click.UsageError(f"--now: {now_text} is too far from our time") from None
    at = reading.at.isoformat() if reading.at else None
    return {"at": at, "verdict": reading.verdict.value, "reason": reading.reason}


def _moment(text: str | None) -> datetime:
    """The moment of typing; one without a zone is meant in Tokyo."""
    if text is None:
        return datetime.now(TOKYO)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--now: {text!r} is not ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=TOKYO)


@explain.command("school-id")
@click.argument("text", required=False)
def explain_school_id(text: str | None) -> None:
    """Read a school ID; without TEXT, one per line from standard input."""
    for line in [text] if text is not None else _lines():
        print_json({"id": fold_school_id(line)})


def _lines() -> Iterator[str]:
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        if line.strip():
            yield line
