"""What the delivery engine counts for Prometheus; the page /metrics shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.outcomes import Outcome
from domain.troubles import Kind
from storage import troubles
from storage.database import Database

OUTCOMES = Counter(
    "renrakumo_outcomes_total", "What providers said of deliveries.", ["channel", "outcome"]
)
STALE = Counter("renrakumo_stale_records_total", "Outcomes of leases that were lost, not recorded.")
CHUNK_FAILURES = Counter(
    "renrakumo_chunk_failures_total", "Chunks whose channel broke off.", ["channel"]
)
DOUBTFUL = Counter(
    "renrakumo_doubtful_total", "Deliveries sent again though perhaps accepted, after a crash."
)
RECORDING = Histogram("renrakumo_recording_seconds", "Time of one commit to the ledger.")
CHUNKS_HELD = Gauge(
    "renrakumo_chunks_held",
    "Chunks that the workers hold a lease of.",
    multiprocess_mode="livesum",
)
REPLIES = Counter(
    "renrakumo_replies_total", "What providers said of replies.", ["channel", "outcome"]
)
REPLIES_WITHOUT_QUOTA = Counter(
    "renrakumo_replies_without_quota_total",
    "Tries of replies that a used-up quota put off.",
    ["channel", "account"],
)


def kind(outcome: Outcome) -> str:
    """The label of an outcome: accepted, placed, trylater, refused, unknown or split."""
    return type(outcome).__name__.lower()


def in_the_database(database: Database) -> CollectorRegistry:
    """What is read at the moment of asking, and so by whichever process is asked."""
    registry = CollectorRegistry()
    registry.register(_Stored(database))
    return registry


class _Stored(Collector):
    """Troubles and backlogs as numbers; no personal data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._database.reading() as tx:
            opened, backlog = troubles.counts(tx), troubles.backlog(tx)
        found = GaugeMetricFamily("renrakumo_troubles_open", "Troubles not over.", labels=["kind"])
        for kind in Kind:
            found.add_metric([kind.value], opened.get(kind.value, 0))
        yield found
        waiting = GaugeMetricFamily(
            "renrakumo_backlog", "What is due and not done yet.", labels=["of"]
        )
        for of, count in backlog.items():
            waiting.add_metric([of], count)
        yield waiting
