"""Proving a mail address: it is typed, a number is sent there, and the number is typed back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.phrases import NO, refused
from bot.steps import Choose, Do, Json, Misread, Option, Part, Retry, Say, Scene
from domain.addresses import normalise_mail
from domain.codes import fold_pin
from domain.wording import Words, say
from storage.database import Transaction

Typed = Callable[[str, Transaction, Scene], Json]
"""An effect with what was typed; a refusal of a number says whether to ask for it `again`."""


def prove_mail(words: Words, pin_key: str, ask: Typed, prove: Typed) -> Part[Json]:
    """Have an address proved; the value is what `prove` returned, None if somebody gave up.

    Whether mail with a link arrives there is asked afterwards (bot.dialogues.mail_form).
    """
    while True:
        text = yield Choose(
            "mail",
            words,
            Option(NO, say("register.skip"), also="bot.word.skip"),
            read=_read_mail,
            numbered=False,
        )
        if text == NO:
            return None
        asked = yield Do("mail.ask", partial(ask, text))
        if why := refused(asked):
            yield Say(why)
            yield Retry(("mail", "mail.ask"))
            continue
        proved = yield from _typed_back(say(pin_key, address=text), prove)
        if proved is not False:
            return proved


def _typed_back(words: Words, prove: Typed) -> Part[Json]:
    """What came of the number: False to ask for an address again, None if they gave up."""
    while True:
        pin = yield Choose(
            "pin",
            words,
            Option("again", say("register.pin_again")),
            Option(NO, say("register.skip"), also="bot.word.skip"),
            read=_read_pin,
            numbered=False,
        )
        if pin == NO:
            return None
        if pin == "again":
            yield Retry(("mail", "mail.ask", "pin"))
            return False
        proved = yield Do("mail.prove", partial(prove, pin), lasting=True)
        why = refused(proved)
        if why is None:
            return proved
        yield Say(why)
        if not proved["again"]:
            yield Retry(("mail", "mail.ask", "pin", "mail.prove"))
            return False
        yield Retry(("pin", "mail.prove"))


def _read_mail(text: str) -> Json:
    mail = normalise_mail(text)
    return mail.raw if mail else Misread(say("register.no_mail"))


def _read_pin(text: str) -> Json:
    return fold_pin(text) or Misread(say("register.no_pin"))
