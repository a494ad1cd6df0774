"""What belongs to no school has a name of its own on its board, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from actions import templates
from actions.templates import Wording
from domain.broadcasts import Purpose
from domain.roles import Role
from storage.database import Database
from storage.tables import Group, Template
from tests.actions import city as scene
from tests.actions.city import code


def test_two_city_wide_groups_of_one_name_cannot_be(database: Database) -> None:
    city = scene.build(database, families=1)
    with database.writing() as tx:
        tx.session.add(Group(board_id=city.board, name="水泳", kind="other"))
    with pytest.raises(IntegrityError), database.writing() as tx:
        tx.session.add(Group(board_id=city.board, name="水泳", kind="other"))


def test_who_names_a_template_as_another_just_did_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked before either wrote."""
    city = scene.build(database, families=1)
    wording = Wording("警報", Purpose.EVENT, "件名", "本文")
    with database.writing() as tx:
        member = scene.add_staff(tx, city, "member", Role.BOARD, None)
    monkeypatch.setattr("storage.templates.named", lambda *_: None)
    with database.writing() as tx:
        assert isinstance(templates.save(tx, member, None, wording), int)
    with database.writing() as tx:
        assert code(templates.save(tx, member, None, wording)) == "template_name_taken"
    with database.reading() as tx:
        assert tx.session.query(Template).count() == 1
