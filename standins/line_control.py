"""The control page of the LINE stand-in; all JSON.

POST   /people {"ids": [...]} or {"count": N}    friends; no event      -> {"ids": [...]}
GET    /people/ID                                -> {"id", "friend", "blocked"}
POST   /people/ID/follow|block|unblock           {"silent": true} sends no event
POST   /people/ID/says {"text"} · /presses {"data", "label"?} · /sends-picture {"picture": base64}
       /sends-sticker · /unsends {"message"} · /event {"type", ...}: any event of that type
       each may have "event_id" and "redelivery" -> {"event": id, "status": HTTP status or null}
GET    /people/ID/chat?after=N                   -> {"last", "entries": [...]}
GET    /people/ID/menu                           -> {"richMenuId", "name", "alias"}
POST   /batch [{"id", "says"} ...]               several people's events in one call
GET    /received?contains=TEXT                   NDJSON: how often each person was named by
       accepted requests with that text ("count"), how many of these did not reach them
       ("dropped": blocked, or no friend)
GET    /stats · POST, GET, DELETE /faults (standins.line_faults.Fault) · POST /reset
POST   /webhook {"url"} and standins.line_webhooks.Habits
POST   /webhook/garbage {"kind": "unsigned|wrong_signature|not_json|unknown_event|misshapen"}
POST   /clock {"advance": seconds, "stop": bool} · POST /quota {"quota": N or null}
POST   /unknown {"refused": bool}   whether an ID that nobody has is a 400 (else it is dropped)
POST   /crowd (standins.line_crowd.Order) · GET /crowd · DELETE /crowd
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from standins.line_account import Entry, Person, can_get, iso
from standins.line_crowd import Crowd, Order
from standins.line_door import Door
from standins.line_faults import fault_from
from standins.line_garbage import GARBAGE
from standins.line_menus import MenuDesk
from standins.line_pictures import Pictures
from standins.line_webhooks import Webhooks


class Control:
    """Answers the control page."""

    def __init__(self, door: Door, webhooks: Webhooks, desk: MenuDesk, pictures: Pictures) -> None:
        self.account = door.account
        self.door, self.webhooks, self.desk, self.pictures = door, webhooks, desk, pictures
        self.crowd = Crowd(door.account, webhooks)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/people", self.people),
            web.get("/people/{person}", self.person),
            web.get("/people/{person}/chat", self.chat),
            web.get("/people/{person}/menu", self.menu),
            web.post("/people/{person}/{action}", self.act),
            web.post("/batch", self.batch),
            web.get("/received", self.received),
            web.get("/stats", self.stats),
            web.post("/faults", self.order_fault),
            web.get("/faults", self.list_faults),
            web.delete("/faults", self.end_faults),
            web.post("/webhook", self.set_webhook),
            web.post("/webhook/garbage", self.garbage),
            web.post("/clock", self.move_clock),
            web.post("/quota", self.set_quota),
            web.post("/unknown", self.set_unknown),
            web.post("/crowd", self.gather),
            web.get("/crowd", self.look),
            web.delete("/crowd", self.disperse),
            web.post("/reset", self.reset),
        ]

    async def people(self, request: web.Request) -> web.Response:
        order = await request.json()
        ids = order.get("ids") or _made_up(int(order.get("count", 0)))
        for name in ids:
            self.account.add(name)
        return web.json_response({"ids": ids})

    async def person(self, request: web.Request) -> web.Response:
        person = self._known(request)
        known = {"id": person.id, "friend": person.friend, "blocked": person.blocked}
        return web.json_response(known)

    async def chat(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        chat = self._known(request).chat
        entries = [_described(entry) for entry in chat if entry.sequence > after]
        return web.json_response({"last": chat[-1].sequence if chat else 0, "entries": entries})

    async def menu(self, request: web.Request) -> web.Response:
        return web.json_response(self.desk.menus.shown(self._known(request)))

    async def act(self, request: web.Request) -> web.Response:
        order = await request.json() if request.can_read_body else {}
        name, action = request.match_info["person"], request.match_info["action"]
        if order.get("redelivery") and order.get("event_id") in self.account.events:
            event = self.account.events[order["event_id"]]
            return _told(event["webhookEventId"], await self.webhooks.redeliver(event))
        if action in _FRIENDSHIP:
            event = _FRIENDSHIP[action](self, self.account.add(name), order)
        else:
            person = self._known(request)
            if not can_get(person):
                return web.json_response({"error": "has blocked the account"}, status=409)
            event = _DOINGS[action](self, person, order)
        if order.get("silent"):
            return _told(None, None)
        if order.get("redelivery"):
            event = self.webhooks.again(event)
        return _told(event["webhookEventId"], await self.webhooks.send(event))

    async def batch(self, request: web.Request) -> web.Response:
        orders = await request.json()
        people = [self.account.people[order["id"]] for order in orders]
        pairs = zip(people, orders, strict=True)
        events = [_says(self, person, {"text": order["says"]}) for person, order in pairs]
        status = await self.webhooks.send(*events)
        ids = [event["webhookEventId"] for event in events]
        return web.json_response({"events": ids, "status": status})

    async def received(self, request: web.Request) -> web.StreamResponse:
        rows = self.account.received(request.query.get("contains", ""))
        lines = [
            json.dumps({"recipient": name, "count": count, "dropped": dropped}) + "\n"
            for name, count, dropped in rows
        ]
        return web.Response(text="".join(lines), content_type="application/x-ndjson")

    async def stats(self, request: web.Request) -> web.Response:
        account, statuses = self.account, self.webhooks.statuses
        requests: dict[str, dict[str, int]] = {}
        for (endpoint, status), count in account.answers.items():
            requests.setdefault(endpoint, {})[str(status)] = count
        failed = sum(count for status, count in statuses.items() if not status.startswith("2"))
        known = list(account.people.values())
        return web.json_response(
            {
                "requests": requests,
                "accepted": account.named,
                "accepted_requests": len(account.sent),
                "dropped": account.dropped,
                "used": account.used[account.clock.month()],
                "people": len(known),
                "blocked": sum(person.blocked for person in known),
                "webhooks": {
                    "sent": statuses.total(),
                    "failed": failed,
                    "statuses": dict(statuses),
                },
                "images": self.pictures.stats(),
            }
        )

    async def order_fault(self, request: web.Request) -> web.Response:
        self.door.faults.append(fault_from(await request.read()))
        return await self.list_faults(request)

    async def list_faults(self, request: web.Request) -> web.Response:
        return web.json_response([fault.described() for fault in self.door.faults])

    async def end_faults(self, request: web.Request) -> web.Response:
        self.door.faults.clear()
        return web.json_response([])

    async def set_webhook(self, request: web.Request) -> web.Response:
        order, habits = await request.json(), self.webhooks.habits
        habits.duplicates = float(order.get("duplicates", habits.duplicates))
        habits.reorder = bool(order.get("reorder", habits.reorder))
        habits.redeliver = int(order.get("redeliver", habits.redeliver))
        habits.pause = float(order.get("pause", habits.pause))
        self.account.webhook = order.get("url", self.account.webhook)
        if not habits.reorder:
            await self.webhooks.let_go()
        return web.json_response({"url": self.account.webhook})

    async def garbage(self, request: web.Request) -> web.Response:
        order = await request.json()
        body, headers = GARBAGE[order["kind"]](self.webhooks)
        return _told(None, await self.webhooks.post(body, headers))

    async def move_clock(self, request: web.Request) -> web.Response:
        order, clock = await request.json(), self.account.clock
        if "stop" in order:
            now, clock.stopped_at = clock.now(), None
            clock.stopped_at = now - clock.ahead if order["stop"] else None
        clock.ahead += float(order.get("advance", 0))
        return web.json_response({"now": iso(clock.now())})

    async def set_quota(self, request: web.Request) -> web.Response:
        self.account.quota = (await request.json())["quota"]
        return web.json_response({"quota": self.account.quota})

    async def set_unknown(self, request: web.Request) -> web.Response:
        self.account.refuses_unknown = bool((await request.json())["refused"])
        return web.json_response({"refused": self.account.refuses_unknown})

    async def gather(self, request: web.Request) -> web.Response:
        self.crowd.start(Order(**await request.json()))
        return await self.look(request)

    async def look(self, request: web.Request) -> web.Response:
        return web.json_response(self.crowd.report())

    async def disperse(self, request: web.Request) -> web.Response:
        self.crowd.clear()
        return await self.look(request)

    async def reset(self, request: web.Request) -> web.Response:
        self.crowd.clear()
        for part in (self.account, self.door, self.webhooks, self.desk, self.pictures):
            part.clear()
        return web.json_response({})

    def _known(self, request: web.Request) -> Person:
        return self.account.people[request.match_info["person"]]


@web.middleware
async def plain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A wrong order is a 400 that says why; what is unknown a 404."""
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"error": f"nothing is called {error}"}, status=404)
    except (ValueError, TypeError, AttributeError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


def _says(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """reference/messaging-api/#wh-text."""
    control.account.note(person, "says", [{"type": "text", "text": order["text"]}])
    message = {"type": "text", "text": order["text"], "quoteToken": secrets.token_urlsafe(24)}
    return _message(control, person, order, message)


def _presses(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#postback-event; the label is what the chat then shows (the action's displayText)."""
    if order.get("label"):
        control.account.note(person, "presses", [{"type": "text", "text": order["label"]}])
    return _event(control, person, order, "postback", postback={"data": order["data"]})


def _sends_picture(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#wh-image; the bytes wait at #get-content."""
    data = b64decode(order["picture"], validate=True)
    control.account.note(person, "picture", [{"type": "image"}])
    message = {"type": "image", "contentProvider": {"type": "line"}}
    event = _message(control, person, order, message)
    control.account.contents[event["message"]["id"]] = data
    return event


def _sends_sticker(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#wh-sticker."""
    sticker = {"type": "sticker", "packageId": "446", "stickerId": "1988"}
    control.account.note(person, "sticker", [sticker])
    message = sticker | {"stickerResourceType": "STATIC", "keywords": ["thumbs up"]}
    return _message(control, person, order, message)


def _unsends(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#unsend-event; what was unsent is gone (410)."""
    if order["message"] in control.account.contents:
        control.account.contents[order["message"]] = None
    return _event(control, person, order, "unsend", unsend={"messageId": order["message"]})


def _any_event(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """An event of any type, with whatever else the order has; it may replace the source."""
    own = {"type", "event_id", "redelivery"}
    rest = {name: value for name, value in order.items() if name not in own}
    return _event(control, person, order, order["type"]) | rest


def _follows(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#follow-event: added, or unblocked."""
    returning, person.friend, person.blocked = person.blocked, True, False
    return _event(control, person, order, "follow", follow={"isUnblocked": returning})


def _blocks(control: Control, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """#unfollow-event: no reply token, for nothing can be said any more."""
    person.blocked = True
    return _event(control, person, order, "unfollow")


def _message(
    control: Control, person: Person, order: dict[str, Any], message: dict[str, Any]
) -> dict[str, Any]:
    whole = {"id": control.account.next_message_id()} | message
    return _event(control, person, order, "message", message=whole)


def _event(
    control: Control, person: Person, order: dict[str, Any], kind: str, **rest: Any
) -> dict[str, Any]:
    return control.webhooks.event(kind, person.id, order.get("event_id", ""), **rest)


_Doing = Callable[[Control, Person, dict[str, Any]], dict[str, Any]]
_FRIENDSHIP: dict[str, _Doing] = {"follow": _follows, "unblock": _follows, "block": _blocks}
_DOINGS: dict[str, _Doing] = {
    "says": _says,
    "presses": _presses,
    "sends-picture": _sends_picture,
    "sends-sticker": _sends_sticker,
    "unsends": _unsends,
    "event": _any_event,
}


def _told(event_id: str | None, status: int | None) -> web.Response:
    return web.json_response({"event": event_id, "status": status})


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at": iso(entry.at),
        "from": entry.speaker,
        "via": entry.via,
        "messages": entry.messages,
    }


def _made_up(count: int) -> list[str]:
    return ["U" + secrets.token_hex(16) for _number in range(count)]
