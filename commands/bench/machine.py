"""On what a measurement was made."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from commands.bench import peers


def facts(sink: str, postgresql: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and value of what a reader has to know of the machine and its programs."""
    found = [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{os.cpu_count()} × {_processor()}"),
        ("memory", f"{_memory() / 1024**3:.0f} GiB"),
        ("system", platform.platform()),
        ("programs", ", ".join([*peers.versions(), f"Nodemailer {peers.NODEMAILER}"])),
        ("sink", sink),
    ]
    if postgresql:
        told = ", ".join(f"{name} {value}" for name, value in postgresql.items())
        found.append(("PostgreSQL", told))
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
