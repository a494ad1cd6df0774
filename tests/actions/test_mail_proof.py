"""Adding a mail address: only who reads its mail can make it theirs."""

from __future__ import annotations

import re

import pytest

from actions import admissions, contacts, handing_over, mail_proof, registration, schools
from actions.registration import NewChild
from domain.refusals import Refusal
from domain.schools import Admission
from storage import opt_outs, people, staff
from storage.database import Database, Transaction
from storage.tables import ContactPoint, GuardianContact
from tests.actions import city as scene
from tests.actions.city import City, code, told
from tests.databases import Clock


@pytest.fixture
def city(database: Database) -> City:
    city = scene.build(database, families=0)
    with database.writing() as tx:
        mother = scene.contact(tx, city, "mother")
        registration.register(tx, mother, city.school, city.class_a, 5)
        city.contacts["mother"] = mother
    return city


def ask(database: Database, city: City, text: str) -> object:
    with database.writing() as tx:
        return mail_proof.ask_mail(tx, city.contacts["mother"], text)


def prove(database: Database, city: City, text: str) -> object:
    with database.writing() as tx:
        return mail_proof.prove_mail(tx, city.contacts["mother"], text)


def pin_sent_to(database: Database, address: str) -> str:
    with database.writing() as tx:
        mailbox = people.contact_point(tx, 1, people.MAIL, mail_proof.MAIL_ACCOUNT, address)
    match = re.search(r"\d{6}", told(database, mailbox.id)[-1])
    assert match is not None
    return match[0]


def contacts_in_order(database: Database) -> list[str]:
    with database.reading() as tx:
        query = tx.session.query(ContactPoint.channel, GuardianContact.rank).join(
            GuardianContact, GuardianContact.contact_point_id == ContactPoint.id
        )
        return [channel for channel, _ in query.order_by(GuardianContact.rank)]


def test_the_number_sent_there_makes_it_the_first_contact_point(
    database: Database, city: City
) -> None:
    asked = ask(database, city, "＜Mother＠Example.JP＞")
    assert asked == mail_proof.MailAsked("Mother@Example.JP")
    pin = pin_sent_to(database, "mother@example.jp")
    spaced = f"{pin[:3]} {pin[3:]}"
    assert isinstance(prove(database, city, spaced), mail_proof.MailProved)
    assert contacts_in_order(database) == ["email", "webchat"]
    assert code(prove(database, city, pin)) == "no_open_proof"


def test_who_proves_an_address_again_hears_there_again(database: Database, city: City) -> None:
    ask(database, city, "mother@example.jp")
    prove(database, city, pin_sent_to(database, "mother@example.jp"))
    leave_by_mail(database, city, city.school, city.other_school, opt_outs.EVERY_SCHOOL)
    ask(database, city, "mother@example.jp")
    assert isinstance(
        prove(database, city, pin_sent_to(database, "mother@example.jp")), mail_proof.MailProved
    )
    assert left(database, city) == {city.other_school}


def test_registering_anew_brings_the_mail_back(database: Database, city: City) -> None:
    ask(database, city, "mother@example.jp")
    prove(database, city, pin_sent_to(database, "mother@example.jp"))
    leave_by_mail(database, city, city.school, city.other_school)
    with database.writing() as tx:
        registration.register(tx, city.contacts["mother"], city.school, city.class_a, 5)
    assert left(database, city) == {city.other_school}


def leave_by_mail(database: Database, city: City, *school_ids: int) -> None:
    with database.writing() as tx:
        for school_id in school_ids:
            registration.opt_out(tx, mailbox(tx, city).id, school_id)


def left(database: Database, city: City) -> set[int]:
    with database.reading() as tx:
        return opt_outs.opted_out(tx, mailbox(tx, city).id)


def mailbox(tx: Transaction, city: City, address: str = "mother@example.jp") -> ContactPoint:
    at = (city.board, people.MAIL, mail_proof.MAIL_ACCOUNT, address)
    return people.contact_point(tx, *at)


def test_the_number_comes_in_the_language_of_who_asked(database: Database, city: City) -> None:
    with database.writing() as tx:
        people.set_language(tx, city.contacts["mother"], "en")
    ask(database, city, "mother@example.jp")
    with database.writing() as tx:
        assert mailbox(tx, city).language == "en"


@pytest.mark.parametrize("who", ["guardian", "staff"])
def test_a_mailbox_in_use_keeps_its_language(database: Database, city: City, who: str) -> None:
    with database.writing() as tx:
        theirs = mailbox(tx, city, "shared@example.jp")
        if who == "guardian":
            registration.register(tx, theirs.id, city.school, city.class_a, 7)
        else:
            member = staff.add_staff(tx, city.board, "田中")
            staff.link_contact(tx, member, theirs.id)
        people.set_language(tx, city.contacts["mother"], "en")
    ask(database, city, "shared@example.jp")
    with database.writing() as tx:
        assert mailbox(tx, city, "shared@example.jp").language == "ja"


def test_a_wrong_number_is_refused_and_tries_are_few(database: Database, city: City) -> None:
    ask(database, city, "mother@example.jp")
    pin = pin_sent_to(database, "mother@example.jp")
    wrong = "000000" if pin != "000000" else "111111"
    assert [code(prove(database, city, wrong)) for _ in range(5)] == ["wrong_pin"] * 5
    assert code(prove(database, city, pin)) == "too_many_tries"
    assert contacts_in_order(database) == ["webchat"]


def test_a_number_is_good_for_half_an_hour(database: Database, city: City, clock: Clock) -> None:
    ask(database, city, "mother@example.jp")
    pin = pin_sent_to(database, "mother@example.jp")
    clock.forward(minutes=30)
    assert code(prove(database, city, pin)) == "no_open_proof"


def test_nobody_floods_a_mailbox(database: Database, city: City) -> None:
    answers = [ask(database, city, "victim@example.jp") for _ in range(6)]
    assert code(answers[-1]) == "too_many_tries"
    assert all(isinstance(answer, mail_proof.MailAsked) for answer in answers[:-1])


def test_what_is_no_address_and_who_is_not_registered(database: Database, city: City) -> None:
    assert code(ask(database, city, "mother at example")) == "not_a_mail_address"
    with database.writing() as tx:
        stranger = scene.contact(tx, city, "stranger")
        refused = mail_proof.ask_mail(tx, stranger, "stranger@example.jp")
    assert code(refused) == "not_registered"


def test_strangers_do_not_keep_the_owner_of_an_address_out(database: Database, city: City) -> None:
    with database.writing() as tx:
        for number in range(5):
            evil = scene.contact(tx, city, f"evil{number}")
            assert handing_over.ask_return(tx, evil, "mother@example.jp") is None
        phone = scene.contact(tx, city, "new phone")
        assert handing_over.ask_return(tx, phone, "mother@example.jp") is None
        more = [scene.contact(tx, city, f"more{number}") for number in range(20)]
        answers = [handing_over.ask_return(tx, one, "mother@example.jp") for one in more]
    assert [answer for answer in answers[:14] if answer] == []
    assert code(answers[14]) == "too_many_tries"


def test_whom_no_school_let_in_has_one_number_sent(database: Database, city: City) -> None:
    with database.writing() as tx:
        schools.set_admission(tx, city.school, Admission.CONFIRM)
        point = scene.contact(tx, city, "visitor")
        admissions.apply(tx, point, city.school, [NewChild(city.class_a, 7)], ())
        assert not isinstance(mail_proof.ask_mail(tx, point, "a@example.com"), Refusal)
        assert code(mail_proof.ask_mail(tx, point, "b@example.com")) == "mail_after_admission"
        assert people.find_contact_point(tx, people.MAIL, "email", "b@example.com") is None
        registration.register(tx, point, city.school, city.class_a, 7)
        assert not isinstance(mail_proof.ask_mail(tx, point, "b@example.com"), Refusal)


def test_so_many_numbers_leave_in_an_hour_and_no_more(
    database: Database, city: City, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_proof, "PINS_IN_AN_HOUR", 2)
    answers = [ask(database, city, f"{name}@example.jp") for name in "abcd"]
    assert [code(answer) for answer in answers[2:]] == ["too_many_pins"] * 2
    who = f"contact:{city.contacts['mother']}"
    refused = [why for _, _, why in scene.recorded(database, city, who) if why]
    assert refused == ["too_many_pins"]
    clock.forward(hours=2)
    assert not isinstance(ask(database, city, "c@example.jp"), Refusal)


def test_a_guardian_has_five_mail_addresses_at_most(
    sqlite_database: Database, clock: Clock
) -> None:
    city = scene.build(sqlite_database, families=0)
    with sqlite_database.writing() as tx:
        mother = city.contacts["mother"] = scene.contact(tx, city, "mother")
        registration.register(tx, mother, city.school, city.class_a, 5)
    addresses = [f"g{number}@example.jp" for number in range(6)]
    for address in addresses[:4]:
        clock.forward(hours=1)
        ask(sqlite_database, city, address)
        prove(sqlite_database, city, pin_sent_to(sqlite_database, address))
    # Two were asked for while there was room for one.
    clock.forward(hours=1)
    pins = []
    for address in addresses[4:]:
        assert isinstance(ask(sqlite_database, city, address), mail_proof.MailAsked)
        pins.append(pin_sent_to(sqlite_database, address))
    assert isinstance(prove(sqlite_database, city, pins[1]), mail_proof.MailProved)
    assert code(prove(sqlite_database, city, pins[0])) == "too_many_mail"
    assert contacts_in_order(sqlite_database).count("email") == 5
    assert code(ask(sqlite_database, city, "g7@example.jp")) == "too_many_mail"
    again = ask(sqlite_database, city, "g0@example.jp")
    assert isinstance(again, mail_proof.MailAsked), "one that they have is not one more"
    with sqlite_database.writing() as tx:
        assert contacts.drop(tx, mother, mailbox(tx, city, "g0@example.jp").id) is None
    assert isinstance(ask(sqlite_database, city, "g7@example.jp"), mail_proof.MailAsked)
