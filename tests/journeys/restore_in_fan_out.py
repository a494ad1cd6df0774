"""A backup in the middle of a fan-out, more sent after it, a restore, and the end counted.

Real processes: a worker, `renrakumo backup` and `renrakumo restore`, the stand-ins of SMTP and
LINE, which alone know who got what how often. With figures:

    python -m tests.journeys.restore_in_fan_out [--mail 2000] [--line 600] [--url URL]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from actions import audit
from delivery.freeze import freeze
from domain.addresses import ChatAddress
from domain.deliveries import ChunkRule
from storage.database import Database
from storage.freezing import Frozen
from storage.planner import gather_statistics
from tests.delivery import city
from tests.journeys.killing import Site, opened, wait_until_sent
from tests.journeys.nursery import Nursery, nursery
from tests.line_standin import SECRET, TOKEN, LineStandin, line_standin

# Seconds for which each channel is made to take its time, so that there is a middle.
SECONDS = 20
CONNECTIONS, SLOTS, LINE_REQUESTS = 8, 4, 36


@dataclass(frozen=True)
class Figures:
    """Counted at the stand-ins against the frozen audience; the rest is what we say of it."""

    recipients: int
    sent_at_backup: int
    sent_at_restore: int
    lost: int
    doubled: int
    doubtful: int
    known_from_journals: int
    asked_again_under_their_key: int
    records_whole: bool
    states: dict[str, int]
    seconds: float


@dataclass
class Stage:
    site: Site
    database: Database
    line: LineStandin
    broadcast_id: int
    mail: int
    friends: list[str]

    @property
    def recipients(self) -> int:
        return self.mail + len(self.friends)

    def received(self) -> Counter[str]:
        """How often each recipient got it."""
        got: Counter[str] = Counter()
        for (recipient, _), times in self.site.standin.received().items():
            got[recipient] += times
        for person, (times, _) in self.line.received().items():
            got[person] += times
        return got

    def everybody(self) -> list[str]:
        return [city.address(n).raw for n in range(1, self.mail + 1)] + self.friends

    def by_line(self, got: Counter[str]) -> int:
        return sum(got[person] > 0 for person in self.friends)

    def asked_again(self) -> int:
        """How many requests LINE knew by their keys."""
        answers = self.line.stats()["requests"].get("POST /v2/bot/message/multicast", {})
        return int(answers.get("409", 0))

    def wait_for_more(self, than: Counter[str]) -> Counter[str]:
        """Until clearly more have got it than had before, by each channel."""
        by_line = self.by_line(than)
        by_mail = len(than) - by_line
        until = time.monotonic() + 60
        while True:
            got = self.received()
            now_by_line = self.by_line(got)
            if now_by_line > by_line and len(got) - now_by_line > by_mail + self.mail // 20:
                assert len(got) < self.recipients, "the fan-out was over too soon"
                return got
            assert self.site.is_running(), self.site.log()[-3000:]
            assert time.monotonic() < until, self.site.log()[-3000:]
            time.sleep(0.05)

    def run(self, *words: str) -> dict[str, Any]:
        """A command in a process of its own."""
        said, log = self.site.folder / "said.json", self.site.folder / "command.log"
        said.write_text("")
        whole = os.environ | self.site.environment
        status = self.site.nursery.start((*words, "--json"), whole, said, log).wait(60)
        assert status == 0, said.read_text() + log.read_text()
        return dict(json.loads(said.read_text()))


@contextmanager
def stage(folder: Path, url: str, mail: int, friends: int, born: Nursery) -> Iterator[Stage]:
    """An installation with so many families, on channels that take their time."""
    with line_standin() as line, opened(folder, url, born) as (site, database):
        site.environment |= {
            "RENRAKUMO_LINE_CHANNEL_SECRET": SECRET,
            "RENRAKUMO_LINE_CHANNEL_ACCESS_TOKEN": TOKEN,
            "RENRAKUMO_LINE_API_URL": line.url,
        }
        del site.environment["RENRAKUMO_SECRET_KEY"]  # It lies in the folder's file.
        site.standin.fault(phase="dot", delay=SECONDS * CONNECTIONS / mail)
        line.fault(path="multicast", delay=SECONDS * SLOTS / LINE_REQUESTS)
        ids = line.friends(friends)
        ways: list[tuple[city.Way, ...]] = [(city.address(n),) for n in range(1, mail + 1)]
        ways += [(ChatAddress("line", "line", one),) for one in ids]
        rules = {
            "email": ChunkRule(size=100, slots=CONNECTIONS, keyed=False),
            "line": ChunkRule(size=max(1, friends // LINE_REQUESTS), slots=SLOTS, keyed=True),
        }
        yield Stage(site, database, line, _frozen(database, ways, rules), mail, ids)


def _frozen(
    database: Database, ways: list[tuple[city.Way, ...]], rules: dict[str, ChunkRule]
) -> int:
    with database.writing() as tx:
        office = city.found(tx)
        city.settle_guardians(tx, office, *ways)
        broadcast_id = city.approved(tx, office)
    with database.writing() as tx:
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    with database.writing() as tx:
        gather_statistics(tx)
    return broadcast_id


def journey(on: Stage, folder: Path, end: signal.Signals, say: Callable[[str], None]) -> Figures:
    begun = time.monotonic()
    on.site.start()
    begun_to_send = on.wait_for_more(Counter())
    file = folder / "middle.backup"
    on.run("backup", str(file))
    at_backup = on.received()
    say(f"backup while {len(begun_to_send)} to {len(at_backup)} of {on.recipients} had it")
    on.wait_for_more(at_backup)
    on.site.end(end)
    at_restore = len(on.received())
    say(f"{at_restore} had it when the worker got {end.name}")
    on.database.close()
    done = on.run("restore", str(file), "--force")
    say(f"restored: {json.dumps(done)}")
    on.site.standin.end_faults()
    on.line.end_faults()
    on.site.start()
    wait_until_sent(on.database, on.site, on.broadcast_id, patience=90)
    assert on.site.end(signal.SIGTERM) == 0, on.site.log()[-3000:]
    return _counted(on, len(at_backup), at_restore, done, time.monotonic() - begun)


def _counted(
    on: Stage, at_backup: int, at_restore: int, done: dict[str, Any], seconds: float
) -> Figures:
    got = on.received()
    assert set(got) <= set(on.everybody()), "somebody got it who is not in the audience"
    rows = city.deliveries(on.database, on.broadcast_id)
    with on.database.reading() as tx:
        # The made-up city's board was not opened by an action, so it alone has no first entry.
        faults = [one for one in audit.verify(tx) if one.fault != "removed"]
    return Figures(
        recipients=on.recipients,
        sent_at_backup=at_backup,
        sent_at_restore=at_restore,
        lost=sum(got[one] == 0 for one in on.everybody()),
        doubled=sum(max(0, times - 1) for times in got.values()),
        doubtful=sum(row.doubtful for row in rows),
        known_from_journals=done["known"],
        asked_again_under_their_key=on.asked_again(),
        records_whole=not faults,
        states=dict(Counter(row.state for row in rows)),
        seconds=round(seconds, 1),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mail", type=int, default=2000)
    parser.add_argument("--line", type=int, default=600)
    parser.add_argument("--url", help="the database; a SQLite file of its own without it")
    parser.add_argument("--end", choices=("SIGKILL", "SIGTERM"), default="SIGKILL")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = chosen.url or f"sqlite:///{folder}/renrakumo.db"
        with nursery() as born, stage(folder, url, chosen.mail, chosen.line, born) as on:
            figures = journey(on, folder, signal.Signals[chosen.end], print)
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(figures.lost > 0 or figures.doubled > figures.doubtful)


if __name__ == "__main__":
    main()
