"""The school's staff at work on what was sent already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select, update

from actions import (
    broadcasts,
    confirmations,
    follow_ups,
    leaving,
    registration,
    reminders,
    resending,
    schools,
    withdrawals,
)
from actions.previews import preview, preview_words
from actions.reminders import Reminded
from actions.withdrawals import Withdrawn
from delivery import schedule
from domain.broadcasts import Relation
from domain.cards import CardRef
from storage import broadcasts as stored
from storage import quotas
from storage.database import Database
from storage.tables import Chunk, Delivery
from tests.actions import city as made
from tests.actions.city import newest_ref, row
from tests.actions.test_withdrawing import RULES
from tests.databases import Clock

ASKS = {"options": {"confirm": True}, "body": "まちがった個人情報"}


class Story:
    """The school's staff at work, six families, and what became of their messages."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.city, self.cast = made.build_with_cast(database)
        with database.writing() as tx:
            quotas.note(tx, "webchat", "webchat", None, 0)

    @property
    def teacher(self) -> Any:
        return self.cast.teacher

    def sent(self, *states: str, **content: Any) -> CardRef:
        """A broadcast that was approved and sent; all others of its deliveries were accepted."""
        with self.database.writing() as tx:
            wanted = made.content(self.city, **content)
            saved = broadcasts.save_draft(tx, self.teacher, self.city.school, wanted)
            assert isinstance(saved, broadcasts.Saved)
            assert isinstance(broadcasts.submit(tx, self.teacher, saved.ref), broadcasts.Submitted)
        self.starts(saved.ref)
        self.settles(saved.ref, *states)
        return newest_ref(self.database, saved.ref)

    def approve(self, ref: CardRef) -> object:
        with self.database.writing() as tx:
            return broadcasts.approve(tx, self.cast.principal, ref)

    def starts(self, ref: CardRef) -> None:
        assert isinstance(self.approve(ref), broadcasts.Approved)
        self.ticks()

    def ticks(self) -> int:
        self.clock.forward(minutes=1)
        return schedule.tick_due(self.database, RULES)

    def settles(self, ref: CardRef, *states: str) -> None:
        with self.database.writing() as tx:
            mine = Delivery.broadcast_id == ref.broadcast_id
            ids = tx.session.scalars(
                select(Delivery.id).where(mine).order_by(Delivery.contact_point_id)
            ).all()
            for number, state in zip(ids, (*states, *["accepted"] * 9), strict=False):
                values = {"state": state, "settled_at": tx.now}
                tx.session.execute(update(Delivery).where(Delivery.id == number).values(values))
            done = update(Chunk).where(Chunk.broadcast_id == ref.broadcast_id)
            tx.session.execute(done.values(state="done"))
        assert schedule.tick_finish(self.database) == 1

    def remind(self, ref: CardRef) -> object:
        with self.database.writing() as tx:
            return reminders.remind(tx, self.teacher, ref)

    def reminder(self, ref: CardRef) -> CardRef:
        done = self.remind(ref)
        assert isinstance(done, Reminded), done
        return done.ref

    def withdraw(self, ref: CardRef) -> None:
        with self.database.writing() as tx:
            done = withdrawals.withdraw(tx, self.cast.principal, ref, "個人情報")
        assert isinstance(done, Withdrawn), done

    def resend(self, ref: CardRef) -> object:
        with self.database.writing() as tx:
            return resending.resend(tx, self.teacher, newest_ref(self.database, ref))

    def follow(self, ref: CardRef, relation: Relation) -> CardRef:
        with self.database.writing() as tx:
            saved = follow_ups.begin(tx, self.teacher, ref, relation, "正しい本文")
        assert isinstance(saved, broadcasts.Saved), saved
        return saved.ref

    def edit(self, ref: CardRef, **changes: Any) -> object:
        with self.database.writing() as tx:
            content = stored.content_of(tx, stored.broadcast(tx, ref.broadcast_id))
            changed = replace(content, **changes)
            return broadcasts.save_draft(tx, self.teacher, self.city.school, changed, (), ref)

    def submit(self, ref: CardRef) -> None:
        with self.database.writing() as tx:
            assert isinstance(broadcasts.submit(tx, self.teacher, ref), broadcasts.Submitted)

    def confirms(self, ref: CardRef, *numbers: int) -> None:
        with self.database.writing() as tx:
            for number in numbers:
                point = made.contact(tx, self.city, f"guardian{number}")
                done = confirmations.confirm(tx, ref.broadcast_id, point)
                assert isinstance(done, confirmations.Confirmed), done

    def state(self, ref: CardRef) -> str:
        return row(self.database, ref).state

    def recipients(self, ref: CardRef) -> set[int]:
        with self.database.reading() as tx:
            query = select(Delivery.contact_point_id)
            return set(tx.session.scalars(query.where(Delivery.broadcast_id == ref.broadcast_id)))

    def shown(self, ref: CardRef) -> str:
        with self.database.reading() as tx:
            return made.in_japanese(preview_words(preview(tx, ref.broadcast_id)))

    def with_a_second_school(self, number: int) -> int:
        """A guardian's chat, whose guardian has a child at the other school, too."""
        with self.database.writing() as tx:
            there = schools.add_group(tx, self.city.other_school, "1年1組", "class").id
            point = made.contact(tx, self.city, f"guardian{number}")
            registration.register(tx, point, self.city.other_school, there, 1)
        return point

    def leaves(self, point: int) -> None:
        with self.database.writing() as tx:
            leaving.leave(tx, point, [self.city.school])
