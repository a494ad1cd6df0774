"""The control page of the Telegram stand-in (JSON in, JSON out).

POST   /people                  {"ids": [...]} or {"count": N}: they have started the bot, and
                                no update is sent; {"started": false}: they have not.  A
                                negative ID is a group's
POST   /people/ID/follow        {"text"?}: START, by a link with that text
POST   /people/ID/says          {"text"}
POST   /people/ID/presses       {"data" or "label", "message_id"?, "wait"? seconds}: also tells
                                whether it was "answered" within that time (5 s)
POST   /people/ID/sends-picture {"picture": base64, "caption"?}; sends-sticker
POST   /people/ID/block         {"silent"?}; unblock, deactivate, migrate
                                each answers {"event": update ID, "status": of the webhook's
                                first try, or null}
GET    /people/ID/chat?after=N  what the chat shows
GET    /received?contains=TEXT  every recipient and how often, one JSON object a line
GET    /stats                   the figures
POST   /faults                  order one (standins.telegram_faults.Fault); GET lists, DELETE ends
POST   /webhook                 {"duplicates": share, "reorder": bool}
POST   /clock                   {"advance": seconds}, {"stop": true}: then it only goes by orders
GET    /files/FILE_ID           a photo's bytes
POST   /reset                   forget everything
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from standins.telegram_errors import Refused
from standins.telegram_faults import fault_from
from standins.telegram_people import People
from standins.telegram_state import Callback, Person, World
from standins.telegram_webhook import ANSWER_SECONDS, Updates

_PRESS_SECONDS = 5.0
_WRONG = (ValueError, TypeError, KeyError, AttributeError, re.error, Refused)


class Control:
    """Answers the control page's requests."""

    def __init__(self, world: World, updates: Updates) -> None:
        self._world, self._updates = world, updates
        self._people = People(world)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; what is no order is a 400."""
        try:
            body = await request.read()
            return await self._route(request, json.loads(body) if body.strip() else {})
        except _WRONG as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    async def _route(self, request: web.BaseRequest, order: Any) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[0] == "people" and len(parts) == 3:
            return await self._person(request, int(parts[1]), parts[2], order)
        if request.method == "GET" and parts[0] == "files" and len(parts) == 2:
            return self._file(parts[1])
        action = f"{request.method} /{parts[0]}"
        if action == "GET /received":
            text = "\n".join(self._received(request.query.get("contains", "")))
            return web.Response(text=text, content_type="application/x-ndjson")
        orders = {
            "POST /people": self._meet,
            "GET /stats": self._stats,
            "POST /faults": self._order_fault,
            "GET /faults": self._faults,
            "DELETE /faults": self._end_faults,
            "POST /webhook": self._disturb,
            "POST /clock": self._advance,
            "POST /reset": self._reset,
        }
        if action not in orders or len(parts) != 1:
            return _json({"error": "nothing here"}, 404)
        return _json(orders[action](order))

    async def _person(
        self, request: web.BaseRequest, number: int, act: str, order: dict[str, Any]
    ) -> web.Response:
        if request.method == "GET" and act == "chat":
            return self._chat(number, int(request.query.get("after", "0")))
        if request.method == "POST" and act == "presses":
            return await self._presses(number, order)
        if request.method != "POST" or act not in self._people.acts:
            return _json({"error": "nothing here"}, 404)
        update = self._people.acts[act](number, order)
        status = await self._updates.first_status(update, ANSWER_SECONDS)
        return _json({"event": update.id if update else None, "status": status})

    async def _presses(self, number: int, order: dict[str, Any]) -> web.Response:
        update, callback = self._people.presses(number, order)
        status = await self._updates.first_status(update, ANSWER_SECONDS)
        await _answered(callback, float(order.get("wait", _PRESS_SECONDS)))
        told = {"event": update.id if update else None, "status": status}
        return _json({**told, "answered": callback.answered})

    def _chat(self, number: int, after: int) -> web.Response:
        person = self._world.people.get(number)
        if person is None:
            return _json({"error": "nobody has this ID"}, 404)
        entries = person.entries[max(after, 0) :]
        return _json({"last": len(person.entries), "entries": entries})

    def _file(self, name: str) -> web.Response:
        file = self._world.files.by_id.get(name)
        if file is None:
            return _json({"error": "no such file"}, 404)
        return web.Response(body=file.data, content_type="image/jpeg")

    def _received(self, contains: str) -> Iterator[str]:
        for person in list(self._world.people.values()):
            if count := _count(person, contains):
                yield json.dumps({"recipient": str(person.id), "count": count, "dropped": 0})

    def _meet(self, order: dict[str, Any]) -> dict[str, Any]:
        started = bool(order.get("started", True))
        people = [self._world.meet(int(number), started=started) for number in order.get("ids", ())]
        people += [self._world.meet_new() for _ in range(int(order.get("count", 0)))]
        for person in people:
            person.started = started
        return {"ids": [str(person.id) for person in people]}

    def _stats(self, order: Any) -> dict[str, Any]:
        counts, world = self._world.counts, self._world
        methods: dict[str, dict[str, int]] = defaultdict(dict)
        for (method, status), count in world.answers.items():
            methods[method][str(status)] = count
        answered = sum(callback.answered for callback in world.callbacks.values())
        webhooks = ("sent", "failed", "dropped", "doubled")
        return {
            "methods": methods,
            "webhooks": {name: counts[f"webhooks_{name}"] for name in webhooks}
            | {"answers": counts["webhook_answers"], "pending": len(world.pending)},
            "callbacks": {
                "answered": answered,
                "unanswered": len(world.callbacks) - answered,
            },
            "uploads": counts["uploads"],
            "reuses": counts["reuses"],
            "people": len(world.people),
        }

    def _order_fault(self, order: dict[str, Any]) -> dict[str, Any]:
        self._world.faults.append(fault_from(order))
        return {"faults": len(self._world.faults)}

    def _faults(self, order: Any) -> list[dict[str, Any]]:
        return [fault.described() for fault in self._world.faults]

    def _end_faults(self, order: Any) -> dict[str, Any]:
        self._world.faults.clear()
        return {"faults": 0}

    def _disturb(self, order: dict[str, Any]) -> dict[str, Any]:
        updates = self._updates
        updates.duplicates = float(order.get("duplicates", updates.duplicates))
        updates.reorder = bool(order.get("reorder", updates.reorder))
        return {"duplicates": updates.duplicates, "reorder": updates.reorder}

    def _advance(self, order: dict[str, Any]) -> dict[str, Any]:
        if order.get("stop"):
            self._world.clock.stop()
        self._world.clock.advance(float(order.get("advance", 0)))
        return {"now": self._world.clock.now()}

    def _reset(self, order: Any) -> dict[str, Any]:
        self._world.clock.restore()
        self._world.clear()
        self._updates.clear()
        return {}


def _count(person: Person, contains: str) -> int:
    """How many sendings to a person had the text in any of their messages."""
    sent = (entry for entry in person.entries if entry["via"] == "send")
    return sum(
        any(contains in m.get("text", m.get("caption", "")) for m in entry["messages"])
        for entry in sent
    )


async def _answered(callback: Callback, seconds: float) -> None:
    if callback.answered or seconds <= 0:
        return
    done = asyncio.Event()
    callback.when_answered.append(done.set)
    await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=seconds)


def _json(value: Any, status: int = 200) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, content_type="application/json")
