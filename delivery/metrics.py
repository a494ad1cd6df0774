"""What the delivery engine counts for Prometheus; the page /metrics shows it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from domain.outcomes import Outcome

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
