"""The webhook storm: a whole city registers on LINE at once, as when the QR codes are handed out.

The stand-in plays the guardians (`standins.line_crowd`): each says the next line when the answer
to the former has come, two in a hundred webhooks come twice, and garbage comes in between.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from commands.demo.city import build_city
from commands.demo.theatre import Theatre, running, wait_for_worker, wait_until_ready
from commands.supervisor import PARTS
from storage import accounts

DUPLICATES, GARBAGE = 0.02, 0.01
# How long the last guardians may take after the storm before they count as lost.
PATIENCE = 900.0
CHANNEL = "line"


@dataclass(frozen=True, slots=True)
class Storm:
    """Times in milliseconds; `registered` is what the database says when all is over."""

    registrations: int
    begin_only: bool
    registered: int
    lost: int
    webhooks: int
    seconds: float
    turns_per_second: float
    acknowledged_p50: float
    acknowledged_p99: float
    acknowledged_max: float
    answered_p50: float
    answered_p99: float
    answered_max: float
    answered_free: int
    answered_by_push: int

    @property
    def is_clean(self) -> bool:
        return self.lost == 0 and self.registered == (0 if self.begin_only else self.registrations)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_storm(
    scene: Theatre, registrations: int, minutes: float, begin_only: bool = False
) -> Storm:
    """Let so many guardians register, all beginning within so many minutes.

    With `begin_only` each sends the school ID and hears the answer, and leaves it at that.
    """
    house = scene.house
    school = build_city(house.database, house.board_id, 0)[0]
    log = house.settings.var_dir / "bench.log"
    with running(PARTS, scene.environment, log):
        wait_until_ready(scene.local_url)
        wait_for_worker(log)
        rate = registrations / (minutes * 60)
        scene.line.post("/crowd", **_crowd(registrations, rate, school.school_id, begin_only))
        seen = _watched(scene, registrations, minutes * 60 + PATIENCE)
    with house.database.reading() as tx:
        registered = accounts.registered(tx, CHANNEL)
    acknowledged, answered = seen["acknowledgement"], seen["reply"]
    return Storm(
        registrations=registrations,
        begin_only=begin_only,
        registered=registered,
        lost=registrations - seen["finished"],
        webhooks=seen["webhooks"],
        seconds=round(seen["seconds"], 1),
        turns_per_second=round(seen["webhooks"] / seen["seconds"], 1),
        acknowledged_p50=acknowledged["p50"],
        acknowledged_p99=acknowledged["p99"],
        acknowledged_max=acknowledged["max"],
        answered_p50=answered["p50"],
        answered_p99=answered["p99"],
        answered_max=answered["max"],
        answered_free=seen["replies_by"]["reply"],
        answered_by_push=seen["replies_by"]["push"],
    )


def _crowd(people: int, rate: float, school_id: str, begin_only: bool) -> dict[str, Any]:
    """What every guardian says: the school ID first, then what the bot asks for."""
    answers = {
        "でよろしいですか": "はい",
        "何年生ですか": "3の2",
        "出席番号": "なし",
        "ほかにも": "いいえ",
        "部活動": "完了",
        "この内容で": "登録する",
    }
    dialogue = {"when": list(answers.items()), "end": "登録しました"}
    return {
        "people": people,
        "rate": rate,
        "duplicates": DUPLICATES,
        "garbage": GARBAGE,
        "redeliver": 2,
        "patience": PATIENCE,
        "script": [school_id] if begin_only else [school_id, dialogue],
    }


def _watched(scene: Theatre, registrations: int, patience: float) -> dict[str, Any]:
    until = time.monotonic() + patience
    while True:
        seen: dict[str, Any] = scene.line.get("/crowd")
        if seen["finished"] >= registrations or time.monotonic() > until:
            return seen
        time.sleep(1)
