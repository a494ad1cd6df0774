"""The cards by which a school's staff say yes or no to registrations.

In the first days of a school year hundreds come: the first is shown at once, and what comes
after it in one card for all, every ten minutes at most.
"""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

from actions import boards, telling
from domain.moments import moment
from domain.roles import writers
from domain.speech import Speech, SpeechButton
from domain.taps import Tap, TapVerb, label, tap_token, typed_form
from domain.wording import Plain, Words, say
from storage import admissions, attempts, people, replies, schools, staff
from storage import boards as stored_boards
from storage.database import Transaction
from storage.tables import Admission

_PAUSE = timedelta(minutes=10)
# What nobody looked at is shown again.
_REMINDER = timedelta(days=1)


def tell_staff_in_time(tx: Transaction, school_id: int) -> None:
    """Show what waits, unless staff were told of something a moment ago."""
    if attempts.count(tx, _scope(school_id), _PAUSE):
        return
    schools.lock(tx, school_id)
    if not attempts.count(tx, _scope(school_id), _PAUSE):
        _tell_staff(tx, school_id)


def schools_to_tell(tx: Transaction, school_id: int | None = None) -> list[int]:
    """The schools whose staff are to be told by now of what came, or of what still waits.

    Of all, or of one.
    """
    newest = admissions.newest_asked(tx, school_id)
    told = admissions.last_told(tx, [_scope(school_id) for school_id in newest])
    due = []
    for school_id, asked_at in newest.items():
        at = told.get(_scope(school_id))
        since = tx.now - at if at else _REMINDER
        is_news = at is None or asked_at > at
        if since >= (_PAUSE if is_news else _REMINDER):
            due.append(school_id)
    return due


def tell_staff_when_due(tx: Transaction, school_id: int) -> bool:
    """Show what waits; False if another worker has done so meanwhile."""
    schools.lock(tx, school_id)
    is_due = school_id in schools_to_tell(tx, school_id)
    if is_due:
        _tell_staff(tx, school_id)
    return is_due


def _tell_staff(tx: Transaction, school_id: int) -> None:
    """Show all staff of a school what waits there: one request with its answers, more as a sum."""
    count, newest = admissions.waiting_in_sum(tx, school_id)
    if newest is None:
        return
    school = schools.school(tx, school_id)
    attempts.add(tx, school.board_id, _scope(school_id))
    shown = card(tx, newest) if count == 1 else _summary(tx, school.name, count, newest)
    holders = staff.holders(tx, school.board_id, writers(school_id), school_id)
    telling.tell(tx, holders, shown)


def card(tx: Transaction, row: Admission) -> Speech:
    """One request, with the two buttons that decide on it."""
    school = schools.school(tx, row.school_id).name
    words = say("admission.card", school=school, request=request_words(tx, row))
    return Speech(
        words=(words,),
        buttons=tuple(button(tx, verb, row.id) for verb in (TapVerb.ADMIT, TapVerb.DECLINE)),
        subject=say("admission.card.subject", school=school),
    )


def _summary(tx: Transaction, school: str, count: int, newest: Admission) -> Speech:
    verbs = (TapVerb.ADMIT_ALL, TapVerb.REVIEW)
    return Speech(
        words=(say("admission.summary", school=school, count=count),),
        buttons=tuple(button(tx, verb, newest.id) for verb in verbs),
        subject=say("admission.summary.subject", school=school, count=count),
    )


def button(tx: Transaction, verb: TapVerb, number: int) -> SpeechButton:
    """A tap's button, with what may be typed instead of pressing it; it works for ever."""
    tap = Tap(verb, number)
    return SpeechButton(label(verb), tap_token(tx.secret, tap), typed_form(tap), lasting=True)


def request_words(tx: Transaction, row: Admission) -> Words:
    """What was asked, when, and by which channel: never by whom."""
    zone = stored_boards.board(tx, row.board_id).zone
    channel = people.contact(tx, row.contact_point_id).channel
    return say(
        "admission.request",
        children=children_words(tx, row),
        time=moment(row.asked_at, zone),
        channel=say(f"channel.{channel}"),
    )


def request_line(tx: Transaction, row: Admission) -> Words:
    """The same in one line, for a list."""
    request = admissions.request_of(tx, row)
    children = [_entry(tx, child["class"], child["number"]) for child in request["children"]]
    return say(
        "admission.entry",
        children=reduce(lambda first, rest: say("broadcast.and", first=first, rest=rest), children),
        time=moment(row.asked_at, stored_boards.board(tx, row.board_id).zone),
        channel=say(f"channel.{people.contact(tx, row.contact_point_id).channel}"),
    )


def children_words(tx: Transaction, row: Admission) -> Words:
    """The children asked for, one a line."""
    request = admissions.request_of(tx, row)
    children = [_child(tx, child["class"], child["number"]) for child in request["children"]]
    return reduce(lambda above, line: say("bot.lines", above=above, line=line), children)


def _entry(tx: Transaction, class_id: int, number: int | None) -> Words:
    name = _class_name(tx, class_id)
    return name if number is None else say("admission.child", class_name=name, number=number)


def _class_name(tx: Transaction, class_id: int) -> Words:
    group = schools.group(tx, class_id)
    return Plain(group.name) if group else say("broadcast.audience.gone")


def _child(tx: Transaction, class_id: int, number: int | None) -> Words:
    name = _class_name(tx, class_id)
    if number is None:
        return say("bot.bullet", words=name)
    return say("register.child", class_name=name, number=number)


def tell_guardian(tx: Transaction, contact_id: int, outcome: str, words: Words) -> None:
    """Tell whoever asked what became of it, where they asked."""
    point = people.contact(tx, contact_id)
    if boards.settings(tx, point.board_id).allows(point.channel):
        subject = say(f"admission.told.subject.{outcome}")
        replies.queue(tx, contact_id, Speech(words=(words,), subject=subject))


def _scope(school_id: int) -> str:
    return f"told:admissions:{school_id}"
