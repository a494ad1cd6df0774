"""Linking: a code typed in chat counts only with the provider's proof, and for that chat only."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from actions import linking, staff
from actions.linking import LinkBegun, LinkSeen, LinkStart
from domain import paths, tokens
from domain.refusals import Refusal
from domain.roles import Role
from storage import people, replies
from storage.database import Database
from storage.tables import AccountLink, Invitation, Reply
from tests.actions import city as scene
from tests.actions.city import City, code, recorded
from tests.databases import SECRET, Clock


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database, families=0)


class Linking:
    """One person's way through it, by LINE."""

    def __init__(self, database: Database, city: City, name: str = "U1") -> None:
        self.database = database
        with database.writing() as tx:
            at = (city.board, "line", "line", name)
            self.contact = people.contact_point(tx, *at).id
        self.link_id = 0

    def types(self, text: str) -> LinkBegun | Refusal:
        with self.database.writing() as tx:
            begun = linking.begin(tx, self.contact, text)
        if isinstance(begun, LinkBegun):
            token = begun.path.removeprefix("/link/")
            (self.link_id,) = tokens.unseal(SECRET, paths.ACCOUNT_LINK, token) or (0,)
        return begun

    def looks(self) -> LinkSeen | Refusal:
        with self.database.reading() as tx:
            return linking.look(tx, self.link_id)

    def presses(self) -> LinkStart | Refusal:
        with self.database.writing() as tx:
            return linking.start(tx, self.link_id)

    def gets_nonce(self) -> str:
        started = self.presses()
        assert isinstance(started, LinkStart)
        return started.nonce

    def proves(self, nonce: str, ok: bool = True) -> staff.StaffWelcome | Refusal:
        with self.database.writing() as tx:
            return linking.finish(tx, self.contact, nonce, ok)

    def is_staff(self) -> bool:
        with self.database.reading() as tx:
            return staff.actor_of(tx, self.contact) is not None


@pytest.fixture
def person(database: Database, city: City) -> Linking:
    return Linking(database, city)


@pytest.fixture
def invited(database: Database, city: City) -> staff.Invited:
    with database.writing() as tx:
        made = staff.invite(tx, city.board, Role.OPERATOR, city.school, "山田")
    assert not isinstance(made, Refusal)
    return made


def is_used(database: Database) -> bool:
    with database.reading() as tx:
        newest = select(Invitation.used_at).order_by(Invitation.id.desc()).limit(1)
        return tx.session.scalar(newest) is not None


def test_the_whole_way(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    post = staff.StaffPost(Role.OPERATOR, "第一小学校")
    begun = person.types(f"コードは{invited.code.lower()}です")
    assert isinstance(begun, LinkBegun)
    assert begun.posts == (post,)
    seen = person.looks()
    assert isinstance(seen, LinkSeen)
    assert (seen.channel, seen.posts) == ("line", (post,))
    started = person.presses()
    assert isinstance(started, LinkStart)
    assert (started.channel, started.account, started.address) == ("line", "line", "U1")
    assert not person.is_staff()
    assert not is_used(database)
    assert person.proves(started.nonce) == staff.StaffWelcome(invited.staff_id, "山田", (post,))
    assert person.is_staff()
    assert is_used(database)
    told = [verb for _, verb, _ in recorded(database, city, f"staff:{invited.staff_id}")]
    assert sorted(told) == ["accept_invitation", "begin_link", "finish_link", "invite"]


def test_the_nonce_is_kept_nowhere(
    database: Database, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    nonce = person.gets_nonce()
    assert len(nonce) >= 22, "128 bits and more"
    with database.reading() as tx:
        kept = tx.session.scalars(select(AccountLink.nonce_index)).one()
    assert kept is not None
    assert nonce.encode() not in kept
    assert nonce not in repr(LinkStart("line", "line", "U1", nonce))


def test_a_wrong_code_is_counted_as_anywhere(person: Linking, invited: staff.Invited) -> None:
    answers = [code(person.types("S222-3333-4444-5555")) for _ in range(6)]
    assert answers == ["wrong_code"] * 5 + ["too_many_tries"]
    assert code(person.types(invited.code)) == "too_many_tries"


def test_the_proof_of_another_conversation_is_an_attack(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    """Somebody types a code and gets somebody else to press their link, or the reverse."""
    victim = Linking(database, city, "U2")
    person.types(invited.code)
    nonce = person.gets_nonce()
    assert code(victim.proves(nonce)) == "link_of_another"
    entries = recorded(database, city, f"contact:{victim.contact}")
    assert entries[-1][1:] == ("finish_link", "link_of_another")
    assert code(person.proves(nonce)) == "link_over", "that link is at its end"
    assert not person.is_staff()
    assert not victim.is_staff()
    assert not is_used(database)


def test_a_nonce_counts_once(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    nonce = person.gets_nonce()
    person.proves(nonce)
    assert code(person.proves(nonce)) == "link_over"
    assert code(Linking(database, city, "U2").proves(nonce)) == "link_over"
    assert code(person.presses()) == "link_over"
    assert code(person.looks()) == "link_over"


def test_pressing_again_makes_the_earlier_nonce_worthless(
    person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    first, second = person.gets_nonce(), person.gets_nonce()
    assert code(person.proves(first)) == "link_over"
    assert isinstance(person.proves(second), staff.StaffWelcome)


@pytest.mark.parametrize("nonce", ["", "A" * 43, "ガ" * 300])
def test_an_unknown_nonce_does_nothing(person: Linking, invited: staff.Invited, nonce: str) -> None:
    person.types(invited.code)
    person.gets_nonce()
    assert code(person.proves(nonce)) == "link_over"


def test_a_link_lasts_ten_minutes_and_so_does_its_proof(
    clock: Clock, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    clock.forward(minutes=9)
    nonce = person.gets_nonce()
    clock.forward(minutes=9)
    nonce = person.gets_nonce()
    clock.forward(minutes=1)
    assert code(person.proves(nonce)) == "link_over"
    assert code(person.looks()) == "link_over"
    assert code(person.presses()) == "link_over"
    person.types(invited.code)
    assert isinstance(person.proves(person.gets_nonce()), staff.StaffWelcome)


def test_a_code_used_meanwhile_is_over(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    nonce = person.gets_nonce()
    with database.writing() as tx:
        staff.accept_invitation(tx, scene.contact(tx, city, "quicker"), invited.code)
    assert code(person.looks()) == "link_over"
    assert code(person.presses()) == "link_over"
    assert code(person.proves(nonce)) == "link_over"
    assert not person.is_staff()


def test_of_two_who_link_with_one_code_the_first_wins(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    other = Linking(database, city, "U2")
    person.types(invited.code)
    other.types(invited.code)
    mine, theirs = person.gets_nonce(), other.gets_nonce()
    assert isinstance(other.proves(theirs), staff.StaffWelcome)
    assert code(person.proves(mine)) == "link_over"
    assert not person.is_staff()


def test_a_role_taken_back_meanwhile_is_not_given(
    database: Database, city: City, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    nonce = person.gets_nonce()
    with database.writing() as tx:
        staff.end_role(tx, invited.staff_id, Role.OPERATOR, city.school)
    assert code(person.proves(nonce)) == "link_over"
    assert code(person.types(invited.code)) == "wrong_code"


def test_what_the_provider_could_not_confirm_can_be_tried_again(
    database: Database, person: Linking, invited: staff.Invited
) -> None:
    person.types(invited.code)
    assert code(person.proves(person.gets_nonce(), ok=False)) == "link_failed"
    assert not is_used(database)
    assert isinstance(person.proves(person.gets_nonce()), staff.StaffWelcome)


def test_typing_the_code_again_gives_the_same_link(
    database: Database, person: Linking, invited: staff.Invited
) -> None:
    assert person.types(invited.code) == person.types(invited.code)
    with database.reading() as tx:
        assert tx.session.scalar(select(func.count(AccountLink.id))) == 1


def heard(database: Database, contact_id: int) -> list[str]:
    with database.reading() as tx:
        rows = tx.session.scalars(select(Reply).where(Reply.contact_point_id == contact_id))
        return [str(replies.open_speech(tx, row).words) for row in rows]


def test_the_managers_hear_of_it_once(database: Database, city: City, person: Linking) -> None:
    with database.writing() as tx:
        manager = scene.contact(tx, city, "principal")
        made = staff.invite(tx, city.board, Role.MANAGER, city.school, "校長")
        assert isinstance(made, staff.Invited)
        staff.accept_invitation(tx, manager, made.code)
        invited = staff.invite(tx, city.board, Role.OPERATOR, city.school, "山田")
        assert isinstance(invited, staff.Invited)
    assert heard(database, manager) == []
    person.types(invited.code)
    person.proves(person.gets_nonce())
    (told,) = heard(database, manager)
    assert "linking.told" in told
    assert "山田" in told
    assert heard(database, person.contact) == []
