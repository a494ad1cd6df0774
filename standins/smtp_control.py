"""The control page of the SMTP stand-in.

GET    /stats               the figures: messages, recipients, doubles, connections ...
GET    /messages?limit&to   newest first
GET    /messages/N          one message whole, pictures in base64
GET    /messages/N/raw      as it came
GET    /received            every (recipient, message_id, count), one JSON object a line
POST   /faults              order one (standins.faults.Fault); GET lists, DELETE ends them
POST   /reset               forget messages and faults
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from standins.control import Answer, Handler, Request, as_json
from standins.faults import Fault, fault_from
from standins.mailbox import Mailbox
from standins.smtp_session import Server

_NOT_FOUND = as_json({"error": "nothing here"}, status=404)


def handler(server: Server) -> Handler:
    """What answers the control page's requests for this server."""

    def answer(request: Request) -> Answer:
        action = f"{request.method} {request.path}"
        if action == "GET /stats":
            return as_json(_stats(server))
        if action == "GET /messages":
            limit = int(request.query.get("limit", "50"))
            return as_json(server.mailbox.newest(limit, request.query.get("to", "")))
        if action.startswith("GET /messages/"):
            return _message(server.mailbox, request.path.split("/")[2:])
        if action == "GET /received":
            return Answer(_received(server.mailbox), "application/x-ndjson")
        return _order(server, action, request)

    return answer


def _order(server: Server, action: str, request: Request) -> Answer:
    if action == "POST /faults":
        server.faults.append(fault_from(request.body))
    elif action == "DELETE /faults":
        server.faults.clear()
    elif action == "POST /reset":
        server.faults.clear()
        server.mailbox.clear()
        server.peak_connections = server.connections
    elif action != "GET /faults":
        return _NOT_FOUND
    return as_json([_described(fault) for fault in server.faults])


def _stats(server: Server) -> dict[str, Any]:
    return server.mailbox.stats() | {
        "connections": server.connections,
        "peak_connections": server.peak_connections,
    }


def _message(mailbox: Mailbox, path: list[str]) -> Answer:
    sequence = int(path[0])
    if path[1:] == ["raw"]:
        raw = mailbox.raw(sequence)
        return _NOT_FOUND if raw is None else Answer(raw, "message/rfc822")
    full = mailbox.full(sequence)
    return _NOT_FOUND if full is None or path[1:] else as_json(full)


def _received(mailbox: Mailbox) -> Iterator[bytes]:
    # A copy: more mail may come in while the lines go out.
    for (recipient, message_id), count in list(mailbox.counts.items()):
        line = {"recipient": recipient, "message_id": message_id, "count": count}
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _described(fault: Fault) -> dict[str, Any]:
    return asdict(fault) | {"match": fault.match.pattern}
