"""How mail is written (メールの形式), and whether it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from actions import arrivals, contacts, mail_forms
from bot.phrases import refused
from bot.steps import (
    Begin,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Retry,
    Say,
    Scene,
    Script,
    Show,
    flow,
)
from domain.codes import fold_pin
from domain.content import JIS, JIS_PLAIN, PLAIN
from domain.refusals import Refusal
from domain.speech import Speech, words_from_json, words_to_json
from domain.wording import Words, say
from storage import people
from storage.database import Transaction

_TEST, _KEEP = "test", "keep"
_OPENED, _AGAIN, _PLAIN, _LATER = "opened", "again", "plain", "later"
_NAMES = {"": "standard", PLAIN: "plain", JIS: "jis", JIS_PLAIN: "jis_plain"}

Act = Callable[[Transaction, int, int], Refusal | None]
"""Does something with a mailbox, from the contact point of whoever speaks."""


@flow("mail_form", version=1, idle=timedelta(days=1))
def mail_form(given: Given) -> Script:  # noqa: ARG001 - every script has it
    mine = yield Do("mails", _own_mails)
    if words := refused(mine):
        yield Finish(words)
    if not mine:
        yield Finish(say("mail_form.none"))
    mail = mine[0] if len(mine) == 1 else (yield from _which(mine))
    chosen = yield from _chosen(mail)
    if chosen == _KEEP:
        yield Finish(say("mail_form.unchanged"))
    act: Act = mail_forms.send_again
    if chosen != _TEST:
        act = partial(mail_forms.set_form, form=chosen)
    done = yield Do("do", partial(_do, act, mail["id"]), lasting=True)
    if words := refused(done):
        yield Finish(words)
    changed = say("mail_form.done", form=_form_words(chosen)) if chosen != _TEST else None
    yield Finish(changed, then=_wait(mail["id"]))


def wait_for_mail(proved: Json) -> Begin | None:
    """Go on to the question whether the test mail arrived that was sent when this was proved.

    None if nothing was, or an earlier version did it and sent no test mail.
    """
    return _wait(proved["mail"]) if isinstance(proved, dict) else None


def _wait(mail_id: int) -> Begin:
    return Begin(arrivals.DIALOGUE, given={"mail": mail_id})


def _which(mine: Sequence[Json]) -> Part[Json]:
    options = [Option(mail["id"], words_from_json(mail["name"])) for mail in mine]
    chosen = yield Choose("mail", say("mail_form.which"), *options)
    return next(mail for mail in mine if mail["id"] == chosen)


def _chosen(mail: Json) -> Part[Json]:
    arrived = say("mail_form.arrived" if mail["arrived"] else "mail_form.unproved")
    here = say(
        "mail_form.here",
        way=words_from_json(mail["name"]),
        form=_form_words(mail["form"]),
        arrived=arrived,
    )
    forms = [Option(form, _form_words(form)) for form in _NAMES]
    test = Option(_TEST, say("mail_form.test"))
    chosen = yield Choose("form", here, *forms, test, Option(_KEEP, say("mail_form.keep")))
    return chosen


def _form_words(form: str) -> Words:
    return say(f"mail_form.{_NAMES[form]}")


def _own_mails(tx: Transaction, scene: Scene) -> Json:
    mine = mail_forms.own_mails(tx, scene.contact_id)
    if isinstance(mine, Refusal):
        return {"refused": words_to_json(mine.words)}
    return [
        {
            "id": mail.contact_id,
            "name": words_to_json(mail.name),
            "form": mail.form,
            "arrived": mail.arrived,
        }
        for mail in mine
    ]


def _do(act: Act, mail_id: int, tx: Transaction, scene: Scene) -> Json:
    done = act(tx, scene.contact_id, mail_id)
    return {"refused": words_to_json(done.words)} if done else True


# Whether it arrives.


@flow(
    arrivals.DIALOGUE,
    version=1,
    # Reminded at half of it, after which nobody is asked any more.
    idle=timedelta(days=6),
    passing=True,
    reminder="arrival.reminder",
)
def arrival(given: Given) -> Script:
    """Given: `mail`, the mailbox that a test mail is on its way to."""
    mail_id = given["mail"]
    while True:
        mail = yield Do("sent", partial(_sent, mail_id))
        if words := refused(mail):
            yield Finish(words)
        yield Show(Speech.from_json(mail["speech"]))
        if mail["has_link"]:
            yield from _link_opened(mail_id)
        else:
            yield from _number_typed(mail_id)
        yield Retry(("sent",))


def _link_opened(mail_id: int) -> Part[None]:
    """Until the link is opened, or they leave it; returns when another mail was sent."""
    while True:
        answer = yield Choose(
            "opened",
            say("arrival.which"),
            Option(_OPENED, say("arrival.opened"), also="arrival.word.opened"),
            Option(_AGAIN, say("arrival.again")),
            Option(_PLAIN, say("arrival.plain")),
            Option(_LATER, say("arrival.later"), also="arrival.word.later"),
        )
        if answer == _LATER:
            yield Finish(say("arrival.until_later"))
        if answer == _OPENED:
            if (yield Do("seen", partial(_has_arrived, mail_id))):
                yield Finish(say("arrival.done"))
            yield Say(say("arrival.not_yet"))
            yield Retry(("opened", "seen"))
            continue
        plain: Act = partial(mail_forms.set_form, form=PLAIN)
        act = plain if answer == _PLAIN else mail_forms.send_again
        sent = yield from _sent_again(mail_id, act)
        yield Retry(("opened", "again"))
        if sent:
            return


def _number_typed(mail_id: int) -> Part[None]:
    while True:
        answer = yield Choose(
            "number",
            say("arrival.which_number"),
            Option(_AGAIN, say("arrival.again")),
            Option(_LATER, say("arrival.later"), also="arrival.word.later"),
            read=_read_number,
            numbered=False,
        )
        if answer == _LATER:
            yield Finish(say("arrival.until_later"))
        if answer == _AGAIN:
            sent = yield from _sent_again(mail_id, mail_forms.send_again)
            yield Retry(("number", "again"))
            if sent:
                return
            continue
        prove: Act = partial(mail_forms.prove_number, text=answer)
        proved = yield Do("prove", partial(_do, prove, mail_id), lasting=True)
        if words := refused(proved):
            yield Say(words)
            yield Retry(("number", "prove"))
            continue
        yield Finish(say("arrival.done"))


def _sent_again(mail_id: int, act: Act) -> Part[bool]:
    done = yield Do("again", partial(_do, act, mail_id), lasting=True)
    words = refused(done)
    if words is not None:
        yield Say(words)
    return words is None


def _read_number(text: str) -> Json:
    return fold_pin(text) or Misread(say("register.no_pin"))


def _sent(mail_id: int, tx: Transaction, scene: Scene) -> Json:
    """What to tell of the mail that is on its way; refused where it is no longer theirs."""
    guardian = contacts.owner(tx, scene.contact_id, mail_id)
    if isinstance(guardian, Refusal):
        return {"refused": words_to_json(guardian.words)}
    mailbox = people.contact(tx, mail_id)
    speech = arrivals.sent_words(mailbox, contacts.name_of(tx, mailbox))
    return {"speech": speech.to_json(), "has_link": arrivals.has_link(mailbox)}


def _has_arrived(mail_id: int, tx: Transaction, scene: Scene) -> Json:
    mine = mail_forms.own_mails(tx, scene.contact_id)
    if isinstance(mine, Refusal):
        return False
    return any(mail.arrived for mail in mine if mail.contact_id == mail_id)
