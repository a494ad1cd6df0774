"""Where the carriers' trial plays: an installation that sends straight to stand-in carriers.

Three schools whose families have mailboxes at every carrier, and at two companies that share
their mail exchanger.  The carriers listen at 127.0.2.1 and so on (standins.carriers), and the DNS
that knows only them is told by the settings.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from actions import boards, schools
from channels.email.channel import ACCOUNT
from commands.demo.mailbox import Mailbox
from commands.demo.outside import Outside
from commands.demo.theatre import (
    own_values,
    ports,
    running,
    stand_in,
    wait_for_worker,
    without_ours,
)
from commands.house import House
from commands.supervisor import SENDING, command_line
from domain.addresses import MailAddress, normalise_mail
from domain.lanes import rule_of
from settings import PREFIX, SettingsApart
from storage import lane_states, quotas
from storage.bulk import NewFamily, add_families
from storage.people import MAIL

COMPANIES = "mx.slow.example"
"""The site of the companies' mail, which is in the lane of all other domains."""

# The lanes, and whose mailboxes the families have.
DOMAINS: Mapping[str, Sequence[str]] = {
    "docomo": ["docomo.ne.jp"],
    "au": ["ezweb.ne.jp", "au.com"],
    "softbank": ["softbank.ne.jp", "i.softbank.jp"],
    "ymobile": ["ymobile.ne.jp"],
    "rakumail": ["rakumail.jp"],
    "yahoo": ["yahoo.co.jp"],
    "gmail": ["gmail.com"],
    "icloud": ["icloud.com"],
    "outlook": ["outlook.jp", "hotmail.com"],
    "other": ["shinwa.example", "maruyama.example"],
}
# Carriers that gave out addresses with dots where RFC 5321 allows none.
OLD_CARRIERS = ("docomo", "au")
# One in so many there has such an address.
_OLD_EVERY = 10
_AT_COMPANIES = {
    domain: {"MX": [f"10 {COMPANIES}."], "A": ["127.0.2.10"]} for domain in DOMAINS["other"]
}
# The stand-ins bear more than we begin with: what they are to refuse, each trial orders.  au takes
# old addresses without quotes only, docomo as RFC 5321 wants them.
_PATIENT = {"per_second": None, "per_connection": None, "connections": 20, "delay": 0.0}
_RULES: Mapping[str, Mapping[str, Any]] = {
    "*": _PATIENT,
    "docomo": {"local_part": "quoted"},
    "au": {"local_part": "bare"},
}
_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """`carriers` is the control page of all stand-ins, `mailbox` what all of them took together."""

    house: House
    carriers: Outside
    mailbox: Mailbox
    environment: Mapping[str, str]

    def rules(self, **order: Mapping[str, Any]) -> None:
        """Have carriers keep to other rules from now on (standins.carrier_rules)."""
        self.carriers.post("/rules", **order)

    def figures(self) -> dict[str, dict[str, Any]]:
        """What each carrier counted."""
        found: dict[str, dict[str, Any]] = self.carriers.get("/carriers")
        return found

    def command(self, *words: str) -> None:
        """Run one of our commands there; raises CalledProcessError."""
        subprocess.run(
            command_line(words), env=self.environment, check=True, stdout=subprocess.DEVNULL
        )


@contextmanager
def scene() -> Iterator[Scene]:
    """An empty installation and the stand-ins, gone afterwards."""
    with tempfile.TemporaryDirectory() as name, _carriers(Path(name)) as (outside, dns, pem):
        folder = Path(name) / "home"
        folder.mkdir()
        values = {
            **own_values(folder, "127.0.0.1:0"),
            "SMTP_URL": f"mx://?port={outside.port}",
            "DNS_SERVERS": f"127.0.0.1:{dns}",
        }
        environment = without_ours() | {PREFIX + key: value for key, value in values.items()}
        settings = {key.lower(): value for key, value in values.items()}
        house = House(SettingsApart.model_validate(settings))
        house.prepare()
        try:
            ours = environment | {"SSL_CERT_FILE": str(pem)}
            yield Scene(house, outside, Mailbox(outside.control_port), ours)
        finally:
            house.close()


@contextmanager
def _carriers(folder: Path) -> Iterator[tuple[Outside, int, Path]]:
    """The carriers, the port of the DNS that knows them, and gmail's certificate."""
    beside, zone, pem = (folder / name for name in ("beside.json", "zone.json", "gmail.pem"))
    rules = folder / "rules.json"
    beside.write_text(json.dumps(_AT_COMPANIES))
    rules.write_text(json.dumps(_RULES))
    options = (f"--zone={zone}", f"--certificate={pem}", f"--beside={beside}", f"--rules={rules}")
    with stand_in("carriers", *options) as carriers:
        told = ports(carriers)
        with stand_in("dns", f"--zone={zone}") as dns:
            yield Outside("carriers", told["carriers"], told["control"]), ports(dns)["dns"], pem


@contextmanager
def working(scene: Scene) -> Iterator[None]:
    """A real worker that sends."""
    log = scene.house.settings.var_dir / "worker.log"
    with running([SENDING], scene.environment, log):
        wait_for_worker(log)
        _wait_until_mail_is_on(scene)
        yield


def _wait_until_mail_is_on(scene: Scene) -> None:
    """Until the worker has said which channels are on: the forecast goes by that."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with scene.house.database.reading() as tx:
            if MAIL in quotas.channels(tx):
                return
        time.sleep(0.02)
    raise TimeoutError("the worker has no mail")


def learned(scene: Scene, per_second: float) -> None:
    """Let the ledger say that every lane bears so much; to be said before a worker starts."""
    with scene.house.database.writing() as tx:
        for lane in DOMAINS:
            site = COMPANIES if lane == "other" else lane
            values = {
                "rate": per_second,
                "connections": rule_of(lane).connections,
                "measured": None,
                "baseline": 0.0,
                "share": 0.0,
            }
            lane_states.put(tx, lane_states.Key(MAIL, ACCOUNT, site, ""), values)


def open_schools(scene: Scene, families: Sequence[Mapping[str, int]]) -> list[int]:
    """A school for each of these numbers of families by lane; what is approved leaves at once."""
    house, numbers = scene.house, count(1)
    found = []
    with house.database.writing() as tx:
        boards.change_settings(tx, house.board_id, undo_seconds=0)
        for each, by_lane in enumerate(families, start=1):
            school = schools.open_school(
                tx, house.board_id, f"P{each:02}", f"第{each}小学校", "primary"
            )
            grade = schools.add_group(tx, school.id, "1年", "grade")
            room = schools.add_group(tx, school.id, "1年1組", "class", grade.id).id
            new = [
                NewFamily(room, number, ((_address(lane, nth, next(numbers)),),))
                for number, (lane, nth) in enumerate(_mixed(by_lane), start=1)
            ]
            add_families(tx, house.board_id, new)
            found.append(school.id)
    return found


def _mixed(by_lane: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Each lane so often, one after the other as families register, with the families' number."""
    for nth in range(max(by_lane.values())):
        yield from ((lane, nth) for lane, families in by_lane.items() if nth < families)


def _address(lane: str, nth: int, number: int) -> MailAddress:
    old = lane in OLD_CARRIERS and nth % _OLD_EVERY == 0
    local = f"family..{number:05}." if old else f"family.{number:05}"
    address = normalise_mail(f"{local}@{DOMAINS[lane][nth % len(DOMAINS[lane])]}")
    assert address is not None
    return address


@dataclass(slots=True)
class Watcher:
    """What the stand-ins counted at every tenth of a second."""

    seen: list[tuple[float, dict[str, dict[str, Any]]]] = field(default_factory=list)

    def of(self, carrier: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, figures[carrier]) for at, figures in self.seen]


@contextmanager
def watching(scene: Scene) -> Iterator[Watcher]:
    """Look at the stand-ins again and again until the block ends."""
    watcher, stop = Watcher(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            with suppress(OSError):
                watcher.seen.append((time.monotonic(), scene.figures()))
            stop.wait(_EVERY)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watcher
    finally:
        stop.set()
        thread.join()
