"""How long a broadcast would take to leave, told before anybody approves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from actions import boards, mail_checks, quotas
from actions.lanes import lane_name
from domain import forecasts as rules
from domain.channels import FETCHED
from domain.content import HEADLINE, privacy_of
from domain.forecasts import MAIL, TELEGRAM, Forecast, Place
from domain.quotas import Use
from domain.wording import Words, say
from storage import broadcasts, forecasts
from storage.database import Transaction
from storage.tables import Broadcast

_MINUTE = 60.0
# Telegram takes so much text beneath a picture, and in a message of its own.
_CAPTION, _TEXT = 1024, 4096


def forecast(tx: Transaction, row: Broadcast, needed: Sequence[Use]) -> tuple[Words, ...]:
    """A paragraph; nothing where all find it in web chat at once, or no channel is known yet."""
    found = [each for each in expected(tx, row, needed) if each.channel not in FETCHED]
    return (_words(found, held=mail_checks.held_words(tx) is not None),) if found else ()


def expected(tx: Transaction, row: Broadcast, needed: Sequence[Use]) -> list[Forecast]:
    """What each channel would need now, the slowest first; quotas move people as is `needed`."""
    stays = boards.settings(tx, row.board_id).over_quota == "send"
    reach = quotas.reach(tx, row)
    people = forecasts.recipients(tx, row, reach, () if stays else needed)
    messages = {place: count * _messages(tx, row, place) for place, count in people.items()}
    ahead = forecasts.waiting(tx, ordinary=reach.ordinary)
    until = (row.send_at - tx.now).total_seconds() if row.send_at else 0.0
    return rules.forecasts(rules.loads(messages, ahead, forecasts.lanes(tx), max(0.0, until)))


def _messages(tx: Transaction, row: Broadcast, place: Place) -> int:
    """As how many messages one person's copy counts, about: only Telegram counts pictures."""
    if place.channel != TELEGRAM or privacy_of(row.options) == HEADLINE:
        return 1
    pictures = len(broadcasts.attachment_ids(tx, row.id))
    if pictures == 1 and len(row.body) < _CAPTION:
        return 1
    return pictures + max(1, math.ceil(len(row.body) / _TEXT))


def _words(found: Sequence[Forecast], *, held: bool) -> Words:
    """The times, and what is to be known of them, each on its own line."""
    mail = next((each for each in found if each.channel == MAIL), None)
    guess = mail is not None and mail.guess and mail.seconds > _MINUTE
    stopped = mail.stopped if mail else ()
    remarks = [say("forecast.stopped", lane=lane_name(lane)) for lane in stopped]
    remarks += [say("forecast.guess")] if guess and not held else []
    return reduce(
        lambda first, rest: say("forecast.lines", first=first, rest=rest),
        remarks,
        say("forecast.line", channels=_times(found, held)),
    )


def _times(found: Sequence[Forecast], held: bool) -> Words:
    goes = all(each.slowest and not (held and each.channel == MAIL) for each in found)
    if goes and all(each.seconds <= _MINUTE for each in found):
        return _time(_MINUTE)
    each: list[Words] = [
        say("forecast.channel", channel=say(f"channel.{one.channel}"), time=_of(one, held))
        for one in found
    ]
    return reduce(lambda first, rest: say("forecast.and", first=first, rest=rest), each)


def _of(one: Forecast, held: bool) -> Words:
    if not one.slowest or (held and one.channel == MAIL):
        return say("forecast.never")
    time, others = _time(one.seconds), one.others
    # Where the others need as long, it tells nothing that one of them is the slowest.
    if one.channel != MAIL or others is None or _rounded(others) >= _rounded(one.seconds):
        return time
    return say("forecast.slowest", time=time, lane=lane_name(one.slowest), others=_at_most(others))


def _time(seconds: float) -> Words:
    if seconds <= _MINUTE:
        return say("forecast.within", minutes=1)
    hours, minutes = divmod(_rounded(seconds), 60)
    if hours:
        return say("forecast.hours", hours=hours, minutes=minutes)
    return say("forecast.minutes", minutes=minutes)


def _at_most(seconds: float) -> Words:
    if seconds > 60 * _MINUTE:
        return _time(seconds)
    return say("forecast.within", minutes=max(1, math.ceil(seconds / _MINUTE)))


def _rounded(seconds: float) -> int:
    return round(seconds / _MINUTE)
