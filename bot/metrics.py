"""What the conversations count for Prometheus; the page /metrics shows it."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TURNS = Counter("renrakumo_turns_total", "Turns that were taken.")
TURN_FAILURES = Counter("renrakumo_turn_failures_total", "Turns that failed and were undone.")
BATCHES = Histogram("renrakumo_turns_seconds", "Time of one transaction with its turns.")
UNKNOWN = Counter(
    "renrakumo_unknown_events_total", "Events set aside, not understood.", ["channel"]
)
