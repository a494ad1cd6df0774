"""The supervisor, over real child processes but with a clock moved by hand."""

import sys
from dataclasses import dataclass
from pathlib import Path

from channels.email.session import Timeouts
from commands.processes import _child
from commands.supervisor import SENDING, SLOWEST, STEADY, TURNS, Child, Supervisor

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]


def test_what_waits_for_a_relay_is_not_cut_off() -> None:
    """A relay may take ten minutes after the final dot: killed before, its mail leaves twice."""
    waited: dict[str, float] = {}

    class Slow(Child):
        def stop(self, patience: float) -> None:
            waited[self.name] = patience

    sending = _child(SENDING, {})
    assert sending.patience > Timeouts().answer
    slow = [Slow(each.name, [], patience=each.patience) for each in (sending, _child(TURNS, {}))]
    Supervisor(slow, Hand()).stop()
    assert list(waited.items()) == [("worker --only turns", 30), ("worker --only sending", 660)]


@dataclass
class Hand:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def _pid(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_killed_child_is_started_again_at_once() -> None:
    hand, child = Hand(), Child("sleeper", SLEEPS)
    supervisor = Supervisor([child], hand)
    supervisor.watch_once()
    first = _pid(child)
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    supervisor.watch_once()
    assert _pid(child) != first
    supervisor.stop()
    assert child.process.poll() is not None


def test_a_child_that_keeps_dying_is_started_ever_more_slowly() -> None:
    hand, child = Hand(), Child("dier", DIES)
    supervisor = Supervisor([child], hand)
    pauses = []
    for _ in range(10):
        hand.now = max(hand.now, child.start_at)
        supervisor.watch_once()
        if child.process is not None:
            child.process.wait()
        child.buried(hand.now)
        pauses.append(child.start_at - hand.now)
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == SLOWEST


def test_a_child_that_lived_long_is_forgiven() -> None:
    hand, child = Hand(), Child("dier", DIES)
    child.deaths = 7
    child.start(hand.now)
    assert child.process is not None
    child.process.wait()
    assert child.buried(hand.now + STEADY)
    assert child.start_at == hand.now + STEADY


def test_children_are_asked_to_stop_before_they_are_made_to(tmp_path: Path) -> None:
    script = (
        "import pathlib, signal, sys, time\n"
        "def leave(*_):\n"
        f"    pathlib.Path({str(tmp_path / 'left')!r}).touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch()\n"
        "time.sleep(600)\n"
    )
    child = Child("polite", [sys.executable, "-c", script])
    supervisor = Supervisor([child])
    supervisor.watch_once()
    while not (tmp_path / "ready").exists():
        assert child.process is not None
        assert child.process.poll() is None
    supervisor.stop()
    assert (tmp_path / "left").exists()
