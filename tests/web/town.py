"""A small made-up town for the tests of pages: a board, a school and one guardian's chat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from PIL import Image

from actions import boards, schools, staff
from channels.webchat.channel import WebchatChannel
from domain import tokens
from domain.roles import Role
from domain.speech import Speech
from storage import people, replies
from storage.database import Database
from storage.tables import Attachment, Broadcast, Chunk, Delivery
from tests.databases import SECRET, Clock, prepared
from web.application import create_web
from web.security import limiter
from web.services import Services

ADDRESS = "A" * 43
OWN_PAGE = {"X-Renrakumo": "chat"}
SUBJECT = "運動会の延期について"
BODY = "明日の運動会は延期します。\nくわしくは https://example.jp/undokai をご覧ください。"


@dataclass
class Town:
    """What the tests speak to, with the IDs of what is in it."""

    database: Database
    clock: Clock
    services: Services
    board_id: int
    school_id: int
    contact_id: int

    def app(self, **changes: Any) -> Flask:
        app = create_web(replace(self.services, **changes))
        app.config["TESTING"] = True
        app.jinja_env.bytecode_cache = _COMPILED
        return app

    def client(self, address: str | None = ADDRESS, **changes: Any) -> FlaskClient:
        client = self.app(**changes).test_client()
        if address:
            client.set_cookie("chat", address, path="/chat/")
        return client

    def hires(self) -> None:
        """Make the person at ADDRESS a member of staff."""
        with self.database.writing() as tx:
            contact = people.contact_point(tx, self.board_id, "webchat", "webchat", ADDRESS)
            invited = staff.invite(tx, self.board_id, Role.CENTRE, None, "山田")
            staff.accept_invitation(tx, contact.id, invited.code)

    def speak(self, speech: Speech) -> None:
        """The bot says something to the guardian."""
        with self.database.writing() as tx:
            replies.queue(tx, self.contact_id, speech)

    def send(
        self,
        state: str = "placed",
        pictures: int = 0,
        broadcast_state: str = "sent",
        **changes: Any,
    ) -> int:
        """A broadcast lies ready for the guardian; returns the delivery's ID."""
        with self.database.writing() as tx:
            row = Broadcast(state=broadcast_state, **(self._broadcast() | changes))
            tx.session.add(row)
            tx.flush()
            chunk = self._chunk(row.id)
            tx.session.add(chunk)
            tx.session.add_all(self._picture(row.id, n) for n in range(pictures))
            tx.flush()
            delivery = Delivery(
                board_id=self.board_id,
                broadcast_id=row.id,
                contact_point_id=self.contact_id,
                chunk_id=chunk.id,
                state=state,
            )
            tx.session.add(delivery)
            tx.flush()
            return delivery.id

    def path(self, prefix: str, kind: str, *numbers: int) -> str:
        return f"/{prefix}/{tokens.seal(SECRET, kind, *numbers)}"

    def _broadcast(self) -> dict[str, Any]:
        now = self.clock()
        return {
            "board_id": self.board_id,
            "school_id": self.school_id,
            "purpose": "event",
            "subject": SUBJECT,
            "body": BODY,
            "audience": [],
            "content_hash": "0" * 64,
            "created_at": now,
            "updated_at": now,
            "due_at": now,
            "frozen_at": now,
        }

    def _chunk(self, broadcast_id: int) -> Chunk:
        now = self.clock()
        return Chunk(
            board_id=self.board_id,
            broadcast_id=broadcast_id,
            channel="webchat",
            account="webchat",
            lane="",
            variant="ja",
            size=1,
            not_before=now,
            deadline=now + timedelta(hours=24),
        )

    def _picture(self, broadcast_id: int, position: int) -> Attachment:
        data, preview = jpeg(960, 640), jpeg(240, 160)
        return Attachment(
            board_id=self.board_id,
            broadcast_id=broadcast_id,
            position=position,
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="image/jpeg",
            width=960,
            height=640,
            data=data,
            preview=preview,
            created_at=self.clock(),
        )


def jpeg(width: int, height: int, colour: str = "#7fa7c9") -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG")
    return file.getvalue()


class _Compiled(BytecodeCache):
    """What templates were compiled to, for all applications of the tests."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._codes.get(bucket.key)
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def make_town(database: Database, clock: Clock) -> Town:
    def opens() -> tuple[int, int, int]:
        with database.writing() as tx:
            board = boards.open_board(tx, "midori", "みどり市教育委員会")
            school = schools.open_school(tx, board.id, "chuo", "みどり市立中央小学校", "primary")
            contact = people.contact_point(tx, board.id, "webchat", "webchat", ADDRESS)
            return board.id, school.id, contact.id

    ids = prepared(database, "a town with pages", opens)
    services = Services(
        database=database,
        channels={"webchat": WebchatChannel(clock)},
        public_url="http://localhost",
        board_id=ids[0],
        secret=SECRET,
    )
    town = Town(database, clock, services, *ids)
    if not limiter.initialized:
        town.app()
    limiter.reset()
    return town


@pytest.fixture
def town(sqlite_database: Database, clock: Clock) -> Town:
    return make_town(sqlite_database, clock)
