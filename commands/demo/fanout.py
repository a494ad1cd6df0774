"""A broadcast written, approved and watched by the actions themselves, without a conversation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from actions import boards, broadcasts, drafts, staff
from channels.webchat.channel import new_address
from commands.demo.city import MIX, build_city
from commands.house import House
from domain.audience import CITY, Part
from domain.broadcasts import Purpose
from domain.content import Content
from domain.refusals import Refusal
from domain.roles import Actor, Role
from storage import accounts, people
from storage import broadcasts as stored
from storage.database import Transaction
from storage.schools import schools_of

PATIENCE = 600.0
Answer = TypeVar("Answer")


class RefusedError(Exception):
    """A rule said no where the bench or the demo expected a yes."""


def city_of(house: House, guardians: int, mix: Sequence[int] = MIX) -> None:
    """Open the schools and register so many guardians; what is approved leaves at once."""
    build_city(house.database, house.board_id, guardians, mix)
    with house.database.writing() as tx:
        boards.change_settings(tx, house.board_id, undo_seconds=0, telegram=True)


def approve_city_wide(house: House, body: str) -> int:
    """A city-wide broadcast, written by the centre and approved by the board; returns its ID."""
    with house.database.writing() as tx:
        centre = person(tx, house.board_id, Role.CENTRE)
        board = person(tx, house.board_id, Role.BOARD)
        content = Content(Purpose.SYSTEM, "配信システムの試験", body, (CITY,))
        ref = agreed(drafts.save_draft(tx, centre, None, content)).ref
        agreed(broadcasts.submit(tx, centre, ref))
        agreed(broadcasts.approve(tx, board, ref))
    return ref.broadcast_id


def schedule_for_schools(house: House, moments: Sequence[datetime]) -> list[int]:
    """One approved broadcast for each moment, to one school after the other; returns their IDs."""
    with house.database.writing() as tx:
        centre = person(tx, house.board_id, Role.CENTRE)
        board = person(tx, house.board_id, Role.BOARD)
        schools = schools_of(tx, house.board_id)
        made = []
        for number, moment in enumerate(moments):
            part = Part("school", schools[number % len(schools)].id)
            content = Content(
                Purpose.SYSTEM, f"予約配信の試験 {number}", "試験です。", (part,), moment
            )
            ref = agreed(drafts.save_draft(tx, centre, None, content)).ref
            agreed(broadcasts.submit(tx, centre, ref))
            agreed(broadcasts.approve(tx, board, ref))
            made.append(ref.broadcast_id)
    return made


def person(tx: Transaction, board_id: int, role: Role) -> Actor:
    """Somebody of the city with a phone that is never looked at."""
    invited = staff.invite(tx, board_id, role, None, role.value)
    contact = people.contact_point(tx, board_id, "webchat", "webchat", new_address())
    agreed(staff.accept_invitation(tx, contact.id, invited.code))
    actor = staff.actor_of(tx, contact.id)
    assert actor is not None
    return actor


def agreed(answer: Answer | Refusal) -> Answer:
    """What an action answered; raises RefusedError where it refused."""
    if isinstance(answer, Refusal):
        raise RefusedError(answer.code)
    return answer


def wait_until_sent(house: House, broadcast_id: int) -> float:
    """Seconds from due to the last outcome, once a broadcast is finished."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with house.database.reading() as tx:
            row = stored.broadcast(tx, broadcast_id)
            last = accounts.last_outcome(tx, broadcast_id)
        if row.finished_at is not None and row.due_at is not None and last is not None:
            return (last - row.due_at).total_seconds()
        time.sleep(0.1)
    raise TimeoutError(f"broadcast {broadcast_id} is not finished")
