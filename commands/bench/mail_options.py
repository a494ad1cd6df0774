"""What `bench` and `bench mail` are told, and what they print."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from commands.bench import machine, page
from commands.bench.mail import PARTS, QUICK, Bench, Counts, Plan, bench_of, facts
from commands.bench.stage import Row, save
from commands.house import House
from commands.printing import FOUND, print_table

_LARGE = 1_000_000
_QUICK_MESSAGES = 200
_COLUMNS = ("name", "messages", "seconds", "rate", "peer", "ratio", "target")


@dataclass(frozen=True, slots=True)
class MailOptions:
    """The options as they were given; `postgresql_large` None is as many as `large`."""

    messages: int
    large: int
    postgresql: str
    postgresql_large: int | None
    connections: int
    only: tuple[str, ...]
    quick: bool
    file: Path | None
    docs: bool

    def plan(self, cache: Path) -> Plan:
        large = self.large if self.postgresql_large is None else self.postgresql_large
        return Plan(
            messages=min(self.messages, _QUICK_MESSAGES) if self.quick else self.messages,
            large=0 if self.quick else self.large,
            postgresql=self.postgresql,
            postgresql_large=0 if self.quick else large,
            connections=self.connections,
            only=frozenset(self.only or PARTS),
            cache=cache,
            counts=QUICK if self.quick else Counts(),
        )


_OPTIONS = (
    click.option("--messages", default=20_000, show_default=True, help="Of the whole path."),
    click.option("--large", default=_LARGE, show_default=True, help="Once as many; 0 for none."),
    click.option(
        "--postgresql",
        envvar="RENRAKUMO_TEST_POSTGRESQL",
        default="",
        metavar="URL",
        help="A server on which a database of the bench's own may be made.",
    ),
    click.option("--postgresql-large", type=int, help="Other than --large; 0 for none."),
    click.option("--connections", default=40, show_default=True, help="Of our sender."),
    click.option("--only", multiple=True, type=click.Choice(tuple(PARTS)), help="These parts."),
    click.option("--quick", is_flag=True, help="So few that the figures mean nothing."),
    click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path)),
    click.option("--docs", is_flag=True, help="Write docs/bench.md and docs/bench.svg anew."),
)


def mail_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of these as one argument, `options`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> None:
        command(*arguments, options=MailOptions(**given))

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def run_mail(house: House, options: MailOptions) -> None:
    """Measure, print, save; ends with 1 where a part failed."""
    plan = options.plan(house.settings.var_dir.resolve() / "cache")
    with _interrupted(), bench_of(plan) as bench:
        bench.run()
        rows = bench.rows()
    save(options.file, rows)
    _print(rows, bench)
    if options.docs:
        page.write(rows, machine.facts(bench.sink.name, facts(plan)), bench.notes)
    if bench.failed:
        raise SystemExit(FOUND)


def _print(rows: list[Row], bench: Bench) -> None:
    plain = [row.as_dict() for row in rows]
    print_table(_COLUMNS, [[each.get(column, "") for column in _COLUMNS] for each in plain])
    whole = [
        row for row in {row.name: row for row in rows}.values() if "us_per_recipient" in row.more
    ]
    if whole:
        print_table(
            ("name", *page.WHOLE_COLUMNS),
            [[row.name, *(row.more[column] for column in page.WHOLE_COLUMNS)] for row in whole],
        )
    for note in bench.notes:
        click.echo(note)


@contextmanager
def _interrupted() -> Iterator[None]:
    """SIGTERM ends the bench as Ctrl-C does, all that it started first; SIGALRM ends one part."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        if number == signal.SIGALRM:
            raise TimeoutError("it took too long")
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
