"""LINE's and Telegram's stand-ins from outside: the people there, by the control page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

_PEOPLE_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Outside:
    """One stand-in; `port` is the provider's own, `control_port` the control page's."""

    name: str
    port: int
    control_port: int

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_people(self, ids: Sequence[str]) -> None:
        """Let people be there who have opened the conversation already."""
        for start in range(0, len(ids), _PEOPLE_AT_ONCE):
            self.post("/people", ids=ids[start : start + _PEOPLE_AT_ONCE])

    def does(self, person: str, what: str, **content: Any) -> dict[str, Any]:
        """Let a person do something: `says`, `presses`, `sends-picture`, `follow` …"""
        answer: dict[str, Any] = self.post(f"/people/{quote(person)}/{what}", **content)
        return answer

    def chat(self, person: str, after: int = 0) -> list[dict[str, Any]]:
        """What was said in a conversation after an entry, oldest first."""
        entries: list[dict[str, Any]] = self.get(f"/people/{quote(person)}/chat", after=after)[
            "entries"
        ]
        return entries

    def file(self, name: str) -> tuple[bytes, str]:
        """A picture kept there and its media type; raises HTTPError."""
        with self._open("GET", f"/files/{quote(name, safe='')}") as answer:
            return answer.read(), answer.headers.get_content_type()

    def received(self, words: str) -> tuple[Counter[str], int]:
        """How often each person was sent these words, and how many were dropped as blocked."""
        with self._open("GET", f"/received?{urlencode({'contains': words})}") as answer:
            rows = [json.loads(line) for line in answer if line.strip()]
        counts = Counter({row["recipient"]: row["count"] for row in rows})
        return counts, sum(row["dropped"] for row in rows)

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.get("/stats")
        return stats

    def get(self, path: str, /, **query: Any) -> Any:
        with self._open("GET", f"{path}?{urlencode(query)}") as answer:
            return json.load(answer)

    def post(self, path: str, /, **content: Any) -> Any:
        with self._open("POST", path, json.dumps(content).encode()) as answer:
            return json.load(answer)

    def _open(self, method: str, path: str, body: bytes | None = None) -> Any:
        url = f"http://127.0.0.1:{self.control_port}{path}"
        headers = {"Content-Type": "application/json"}
        request = Request(url, method=method, data=body, headers=headers)
        return urlopen(request, timeout=60)  # noqa: S310
