"""Our sender by itself, as a process: `python -m commands.bench.sending --port 2525 ...`

The channel with its engine, tuned as a worker is, and no ledger.  It prints `ready`, waits for a
line, sends, and prints what came of it as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from channels.base import SendChunk
from channels.email.channel import EmailChannel, MailWays
from channels.email.dkim import read_signer
from commands import memory
from commands.bench import letters
from domain.outcomes import Accepted, Outcome

DOMAIN, SELECTOR = "midori.example", "bench"
# Chunks in the engine's hands at once; a worker holds about as many.
_HELD = 6
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What one process did; `peak` is its resident memory in bytes."""

    seconds: float
    accepted: int
    peak: int


class _Count:
    """The log of all chunks: nothing is written down, what was accepted is counted."""

    def __init__(self) -> None:
        self.accepted = 0

    def intent(self, delivery_id: int) -> None:
        del delivery_id

    def intents(self, delivery_ids: Sequence[int]) -> None:
        del delivery_ids

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes([(delivery_id, outcome)])

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None:
        self.accepted += sum(isinstance(outcome, Accepted) for _, outcome in told)

    def stopping(self) -> bool:
        return False


def main() -> None:
    """Wait for the word, send, tell."""
    options = _options()
    ways = MailWays(f"smtp://127.0.0.1:{options.port}", connections=options.connections)
    signer = read_signer(DOMAIN, SELECTOR, options.key) if options.key else None
    channel = EmailChannel(ways, letters.SENDER, signer)
    first: int = options.first
    chunks = letters.chunks(range(first, first + options.messages))
    memory.tune()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(_send(channel, chunks))), flush=True)
    channel.close()


def _send(channel: EmailChannel, chunks: Sequence[SendChunk]) -> Sent:
    count, free, ended = _Count(), threading.Semaphore(_HELD), threading.Semaphore(0)

    def done(error: BaseException | None) -> None:
        del error  # what it kept from being accepted is missing in the count
        free.release()
        ended.release()

    begun = perf_counter()
    for chunk in chunks:
        free.acquire()
        channel.start(chunk, count, done)
    for _ in chunks:
        if not ended.acquire(timeout=_PATIENCE):
            break
    seconds = perf_counter() - begun
    return Sent(seconds, count.accepted, getrusage(RUSAGE_SELF).ru_maxrss * 1024)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="commands.bench.sending", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--key", type=Path, help="sign with this key")
    return parser.parse_args()


if __name__ == "__main__":
    main()
