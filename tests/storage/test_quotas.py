"""What is known of the accounts' monthly quotas."""

from __future__ import annotations

from storage import quotas
from storage.database import Database


def test_what_is_left_is_what_was_said_last(database: Database) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "line", 200, 50)
        quotas.note(tx, "line", "second", None, 70)
        quotas.note(tx, "email", "email", None, 0)
    with database.writing() as tx:
        quotas.note(tx, "line", "line", 200, 120)
    with database.reading() as tx:
        assert quotas.left(tx, "line") == {"line": 80, "second": None}
        assert quotas.limited(tx, ["line", "email"]) == {("line", "line"): 76}
        assert quotas.kept(tx, ("line", "line")) == 4
        assert quotas.kept(tx, ("line", "second")) == quotas.kept(tx, ("line", "none")) == 0
        assert quotas.limited(tx, ["email"]) == {}
        assert quotas.channels(tx) == ("email", "line")


def test_nothing_less_than_nothing_is_left(database: Database) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "line", 200, 205)
        assert quotas.left(tx, "line") == {"line": 0}
        assert quotas.limited(tx, ["line"]) == {("line", "line"): 0}


def test_of_the_last_messages_of_a_month_broadcasts_use_none(database: Database) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "line", 200, 197)
        assert quotas.left(tx, "line") == {"line": 3}
        assert quotas.limited(tx, ["line"]) == {("line", "line"): 0}
        assert quotas.kept(tx, ("line", "line")) == 3


def test_accounts_that_are_on_no_more_are_forgotten(database: Database) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "old", 200, 1)
        quotas.note(tx, "line", "line", 200, 1)
        quotas.keep_only(tx, [("line", "line"), ("email", "email")])
        assert quotas.left(tx, "line") == {"line": 199}
        quotas.keep_only(tx, [])
        assert quotas.channels(tx) == ()
