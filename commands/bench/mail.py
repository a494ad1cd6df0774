"""Mail, side by side with what people would use instead.

Everything is measured in one run, one after the other, into the same sink, so that the ratios
mean something on any machine.  Where a peer varies the best it did counts, where we do the median.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click

from commands.bench import ours, peers
from commands.bench.names import (
    LIBRARY,
    NODEMAILER,
    RELAY,
    SENDER,
    SENDER_INTO_POSTFIX,
    SOURCE,
    SOURCE_INTO_POSTFIX,
    openssl_name,
    rows_of,
    signed_name,
    whole_name,
)
from commands.bench.peers import Absent
from commands.bench.postfix import private_postfix
from commands.bench.sinks import Sink, best_sink, settled
from commands.bench.stage import Row
from commands.bench.whole import Run, installation, send_to_all
from storage.spare import analyze, server_facts, spare_database

_SESSIONS = (10, 50, 100)
_POOLS = (5, 20, 50)
_MB = 1024 * 1024
# Seconds of one part, whatever it waits for: a million recipients take about three minutes.
_AT_MOST = 600


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages each part sends, how often, and how long openssl signs (seconds).

    `rounds` is how often Postfix gets them: its speed is the disk's, and varies most.
    """

    source: int = 100_000
    sender: int = 200_000
    nodemailer: int = 20_000
    library: int = 4_000
    postfix: int = 4_000
    signed: int = 10_000
    openssl: int = 3
    times: int = 3
    rounds: int = 5


QUICK = Counts(2_000, 2_000, 200, 100, 100, 100, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.  `postgresql` is a server's URL, "" for none; `cache` keeps what
    npm fetched; `large` is 0 for none."""

    messages: int
    large: int
    postgresql: str
    postgresql_large: int
    connections: int
    only: frozenset[str]
    cache: Path
    counts: Counts = field(default_factory=Counts)


@dataclass
class Bench:
    """One run: what was measured by name, in order, and what is to be said about it."""

    plan: Plan
    folder: Path
    sink: Sink
    measured: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: bool = False

    def note(self, name: str, messages: int, seconds: float, **more: Any) -> None:
        """Keep a measurement; of several of one name the faster."""
        row = Row.of(name, messages, seconds, **more)
        known = self.measured.get(name)
        if known is None or row.rate > known.rate:
            self.measured[name] = row

    def rows(self) -> list[Row]:
        return rows_of(self.measured)

    def run(self) -> None:
        """Measure every part that is wanted; what fails is said, and the others go on.

        SIGALRM is to raise TimeoutError: no part may take for ever.
        """
        for name, part in PARTS.items():
            if name in self.plan.only:
                self._part(name, part)

    def _part(self, name: str, part: Callable[[Bench], None]) -> None:
        click.echo(f"measuring: {name}", err=True)
        begun = perf_counter()
        signal.alarm(_AT_MOST)
        try:
            part(self)
        except Absent as absent:
            self.notes.append(f"{name} left out: {absent}")
        except Exception as error:  # the other parts' figures must not be lost
            self.failed = True
            said = f"{name} failed: {type(error).__name__}: {error}"
            self.notes.append(said.partition("\n")[0])
            click.echo(said, err=True)
        finally:
            signal.alarm(0)
        click.echo(f"  {perf_counter() - begun:.0f} s", err=True)


@contextmanager
def bench_of(plan: Plan) -> Iterator[Bench]:
    """A bench with its sink and a folder on a disk, both gone afterwards."""
    place = "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108 - /tmp may be memory
    folder = Path(tempfile.mkdtemp(prefix="renrakumo-bench-", dir=place))
    folder.chmod(0o711)  # Postfix's processes must be able to pass
    try:
        with best_sink(folder) as sink:
            bench = Bench(plan, folder, sink)
            if sink.name != "smtp-sink":
                bench.notes.append(f"into {sink.name}: smtp-sink is not here")
            yield bench
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _source(bench: Bench) -> None:
    """Postfix's generator with few and with many sessions."""
    messages = bench.plan.counts.source
    for sessions in _SESSIONS:
        seconds = peers.smtp_source(bench.sink.port, messages, sessions, 60)
        bench.note(SOURCE, messages, seconds, sessions=sessions)


def _nodemailer(bench: Bench) -> None:
    messages = bench.plan.counts.nodemailer
    modules = peers.nodemailer_in(bench.plan.cache)
    for connections in _POOLS:
        seconds = peers.nodemailer(modules, bench.sink.port, messages, connections, 60)
        bench.note(NODEMAILER, messages, seconds, connections=connections)


def _library(bench: Bench) -> None:
    messages = bench.plan.counts.library
    bench.note(LIBRARY, messages, peers.smtplib(bench.sink.port, messages))


def _sender(bench: Bench) -> None:
    messages, connections = bench.plan.counts.sender, bench.plan.connections
    before = bench.sink.count()
    sent = [
        ours.send(bench.sink.port, messages, connections) for _ in range(bench.plan.counts.times)
    ]
    more = {
        "runs": _rounded(each.seconds for each in sent),
        "memory_peak_mb": round(max(each.peak for each in sent) / _MB, 1),
        "doubled": bench.sink.count() - before - messages * len(sent),
    }
    bench.note(SENDER, messages, median(each.seconds for each in sent), **more)


def _source_again(bench: Bench) -> None:
    """Once more after ours, so that nobody is measured in a better moment only."""
    if SOURCE in bench.measured:
        _source(bench)


def _whole_sqlite(bench: Bench) -> None:
    _whole(bench, "SQLite", bench.plan.messages, bench.plan.counts.times, "")


def _whole_postgresql(bench: Bench) -> None:
    _on_postgresql(bench, bench.plan.messages, bench.plan.counts.times)


def _large_sqlite(bench: Bench) -> None:
    if bench.plan.large:
        _whole(bench, "SQLite", bench.plan.large, 1, "")


def _large_postgresql(bench: Bench) -> None:
    if bench.plan.postgresql_large:
        _on_postgresql(bench, bench.plan.postgresql_large, 1)


def _on_postgresql(bench: Bench, recipients: int, times: int) -> None:
    if not bench.plan.postgresql:
        raise Absent("no server was named (--postgresql URL)")
    with spare_database(bench.plan.postgresql) as url:
        _whole(bench, "PostgreSQL", recipients, times, url)


def _whole(bench: Bench, database: str, recipients: int, times: int, url: str) -> None:
    folder = bench.folder / f"{database}-{recipients}"
    try:
        with installation(folder, bench.sink, bench.plan.connections, url) as where:
            runs = send_to_all(where, recipients, times, lambda: analyze(url) if url else None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = median(run.seconds for run in runs)
    bench.note(whole_name(database, recipients), recipients, seconds, **_told(runs, seconds))


def _told(runs: Sequence[Run], seconds: float) -> dict[str, Any]:
    """What is said of the whole path beyond its speed; the worker's memory before the first
    broadcast, and during and after the last."""
    memory = runs[-1].memory
    first = median(run.first for run in runs)
    return {
        "us_per_recipient": round(seconds / runs[0].recipients * 1e6, 2),
        "first_after_share": round(first / seconds, 3),
        "memory_start_mb": round(runs[0].memory.start / _MB, 1),
        "memory_middle_mb": round(memory.middle / _MB, 1),
        "memory_end_mb": round(memory.end / _MB, 1),
        "memory_peak_mb": round(memory.peak / _MB, 1),
        "lost": sum(run.lost for run in runs),
        "doubled": sum(run.doubled for run in runs),
        "approved_ahead": round(min(run.ahead for run in runs), 1),
        "runs": _rounded(run.seconds for run in runs),
    }


def _signed(bench: Bench) -> None:
    """As many processes of ours as openssl has, which signs before and after."""
    counts, connections = bench.plan.counts, bench.plan.connections
    key = ours.write_key(bench.folder)
    for processes in (1, 2):
        _openssl(bench, processes)
        messages = counts.signed * processes
        sent = [
            ours.send(bench.sink.port, messages, connections, processes, key)
            for _ in range(counts.times)
        ]
        seconds = [each.seconds for each in sent]
        bench.note(signed_name(processes), messages, median(seconds), runs=_rounded(seconds))
        _openssl(bench, processes)


def _openssl(bench: Bench, processes: int) -> None:
    seconds = bench.plan.counts.openssl
    signs = peers.openssl_signs(processes, seconds)
    bench.note(openssl_name(processes), round(signs * seconds), seconds)


def _postfix(bench: Bench) -> None:
    """Both into the same Postfix in turn, each time waiting until it has handed all on."""
    messages = bench.plan.counts.postfix
    with private_postfix(bench.folder / "postfix", bench.sink.port) as port:
        theirs: list[float] = []
        mine: list[float] = []
        relayed: list[float] = []

        def we_go() -> None:
            mine.append(_through(bench, lambda: _we_send(bench, port))[0])

        def they_go() -> None:
            accepted, arrived = _through(bench, lambda: _source_sends(bench, port))
            theirs.append(accepted)
            relayed.append(arrived)

        for number in range(bench.plan.counts.rounds):
            for go in (we_go, they_go) if number % 2 else (they_go, we_go):
                go()
    bench.note(RELAY, messages, min(relayed), runs=_rounded(relayed))
    bench.note(SOURCE_INTO_POSTFIX, messages, median(theirs), runs=_rounded(theirs))
    bench.note(SENDER_INTO_POSTFIX, messages, median(mine), runs=_rounded(mine))


def _through(bench: Bench, send: Callable[[], float]) -> tuple[float, float]:
    """Seconds until Postfix had accepted all, and until all were in the sink."""
    messages = bench.plan.counts.postfix
    wanted = bench.sink.count() + messages
    begun = perf_counter()
    accepted = send()
    settled(bench.sink, wanted, 20 + messages / 100)
    return accepted, perf_counter() - begun


def _we_send(bench: Bench, port: int) -> float:
    return ours.send(port, bench.plan.counts.postfix, bench.plan.connections).seconds


def _source_sends(bench: Bench, port: int) -> float:
    """With as many sessions as we have connections, each recipient another one, as ours are."""
    plan = bench.plan
    return peers.smtp_source(port, plan.counts.postfix, plan.connections, 60, unlike=True)


def facts(plan: Plan) -> dict[str, str]:
    """What PostgreSQL says of itself, where one is measured."""
    return server_facts(plan.postgresql) if plan.postgresql else {}


def _rounded(values: Iterator[float] | Sequence[float]) -> list[float]:
    return [round(value, 3) for value in values]


PARTS: dict[str, Callable[[Bench], None]] = {
    "source": _source,
    "nodemailer": _nodemailer,
    "library": _library,
    "sender": _sender,
    "source-again": _source_again,
    "sqlite": _whole_sqlite,
    "postgresql": _whole_postgresql,
    "signed": _signed,
    "postfix": _postfix,
    "sqlite-large": _large_sqlite,
    "postgresql-large": _large_postgresql,
}
