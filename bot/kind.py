"""A kind word for what this channel cannot take: an absence, a question, an insult, a thank-you.

Nobody is left without an answer, and nothing of what they wrote is kept. Whoever is registered
hears whom to call; only who may need it gets the menu.
"""

from __future__ import annotations

from actions import registration
from bot.phrases import lines
from bot.steps import Begin
from bot.talk import Talk
from bot.words import has_word_of, means_yes
from domain.codes import fold_code
from domain.folding import fold
from domain.school_ids import fold_school_id
from domain.wording import Text, Words, say
from storage import schools, staff


def answer(talk: Talk, text: str) -> None:
    """Answer words that mean nothing here."""
    joined = registration.joined(talk.tx, talk.contact_id)
    asks = "?" in fold(text) or has_word_of(text, "kind.word.asks")
    absent = has_word_of(text, "kind.word.absent")
    if has_word_of(text, "kind.word.thanks") and not (asks or absent):
        talk.say(say("kind.thanks"))
    elif staff.staff_at(talk.tx, talk.contact_id) is not None or not joined:
        if absent and not joined:
            talk.say(say("kind.absent.unregistered"))
        talk.begin(Begin("menu", given={"greeting": "menu.pardon"}))
    elif means_yes(text):
        talk.say(say("kind.noted"))
    else:
        key = "kind.absent" if absent else "kind.not_here"
        talk.say(say(key, schools=_calls(talk, [each.school_id for each in joined])))


def misplaced(text: str) -> Words | None:
    """What to say of a code that is no answer to the question now open."""
    if fold_code(text):
        return say("kind.misplaced.staff_code")
    return say("kind.misplaced.school_id") if fold_school_id(text) else None


def _calls(talk: Talk, school_ids: list[int]) -> Words:
    """The schools to call, each with its number where the school has named one."""
    return lines([_call(talk, school_id) for school_id in school_ids])


def _call(talk: Talk, school_id: int) -> Text:
    school = schools.school(talk.tx, school_id)
    if not school.phone:
        return say("bot.bullet", words=school.name)
    return say("kind.call", school=school.name, phone=school.phone)
