"""状況: whom a broadcast has reached by now, shown to its staff, with what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence

from actions import reports, resending
from actions.phone_lists import NAMED_REASONS, path_to
from actions.previews import button, ref_of
from actions.reports import ClassCounts
from actions.telling import authorship
from domain import paths
from domain.approval import may
from domain.broadcasts import Relation, State, Verb, next_state
from domain.cards import CardVerb
from domain.content import wants_confirmation
from domain.follow_ups import is_followed
from domain.roles import Actor, may_decide, may_write
from domain.speech import Speech, SpeechButton, open_page
from domain.wording import Plain, Words, say
from storage import arrivals, broadcasts
from storage import reports as stored
from storage.database import Transaction
from storage.tables import Broadcast

# What has an audience that somebody may ask about.
SHOWN = (State.SENDING, State.SENT, State.WITHDRAWN)
# So many classes are named in a chat; the printed list has them all.
_NAMED_CLASSES = 8
_SUBJECT = 60


def newest(tx: Transaction, actor: Actor, most: int) -> Sequence[Broadcast]:
    """The newest broadcasts that went out from where this person has a role."""
    places = {grant.school_id for grant in actor.grants if _sees(actor, grant.school_id)}
    return stored.newest_sent(tx, actor.board_id, places, most)


def _sees(actor: Actor, school_id: int | None) -> bool:
    return may_write(actor, school_id) or may_decide(actor, school_id)


def status(tx: Transaction, actor: Actor, broadcast_id: int) -> Speech:
    """The report as it is now, with buttons for what may be done next."""
    row = broadcasts.broadcast(tx, broadcast_id)
    if State(row.state) not in SHOWN:
        state = say(f"broadcast.state.{row.state}")
        return Speech(words=(say("report.not_sent", subject=row.subject, state=state),))
    made, classes = reports.report(tx, row.id), reports.by_class(tx, row.id)
    confirmed = reports.count_confirmed(tx, row.id) if wants_confirmation(row.options) else None
    unproved = arrivals.count_unproved(tx, row.id)
    guides = [open_page(say("arrival.status.guides"), paths.guide())] if unproved else []
    return Speech(
        words=(*_words(row, made, classes, confirmed, unproved), *_refused(tx, row)),
        buttons=(*_buttons(tx, actor, row, made, confirmed), *guides),
    )


def _words(
    row: Broadcast,
    made: reports.Report,
    classes: Sequence[ClassCounts],
    confirmed: int | None,
    unproved: int,
) -> list[Words]:
    families, subject = made.families, row.subject[:_SUBJECT]
    state = say(f"broadcast.state.{row.state}")
    words: list[Words] = [say("report.heading", subject=subject, state=state)]
    words.append(say("report.families", total=families.total, reached=families.reached))
    if confirmed is not None:
        words.append(say("report.confirmed", count=confirmed, left=families.total - confirmed))
    if families.waiting > families.full:
        words.append(say("report.waiting", count=families.waiting - families.full))
    words += reports.full_words(families)
    if families.not_reached:
        words.append(say("report.not_reached", count=families.not_reached))
    words += reports.channel_words(made.channels)
    if unproved:
        words.append(say("arrival.status", count=unproved))
    return words + worst_classes(classes, by_confirmation=confirmed is not None)


def _refused(tx: Transaction, row: Broadcast) -> list[Words]:
    """Why messages were refused, where that has words; each was one way to somebody."""
    lines = [
        say("report.refused.reason", why=say(f"report.why.{reason}"), count=count)
        for reason, count in stored.refused_for(tx, row.id).items()
        if reason in NAMED_REASONS
    ]
    return [_lines(say("report.refused"), *lines)] if lines else []


def worst_classes(classes: Sequence[ClassCounts], *, by_confirmation: bool) -> list[Words]:
    """The classes with the most families still to be reached, or to confirm."""

    def missing(each: ClassCounts) -> int:
        done = each.confirmed if by_confirmation else each.accepted
        return each.families - done

    worst = sorted((each for each in classes if missing(each)), key=missing, reverse=True)
    if not worst:
        return []
    kind = "unconfirmed" if by_confirmation else "unreached"
    lines = [
        say(f"report.class.{kind}", name=class_name(each), count=missing(each), of=each.families)
        for each in worst[:_NAMED_CLASSES]
    ]
    more = len(worst) - _NAMED_CLASSES
    more_lines = [say("report.class.more", count=more)] if more > 0 else []
    return [_lines(say(f"report.classes.{kind}"), *lines, *more_lines)]


def _lines(first: Words, *others: Words) -> Words:
    """One paragraph of several lines, as one text: a chat shows few messages at once."""
    joined = first
    for line in others:
        joined = say("bot.lines", above=joined, line=line)
    return joined


def class_name(counts: ClassCounts) -> Words:
    return Plain(counts.name) if counts.name else say("report.class.other")


def _buttons(
    tx: Transaction,
    actor: Actor,
    row: Broadcast,
    made: reports.Report,
    confirmed: int | None,
) -> list[SpeechButton]:
    left = made.families.not_reached + made.families.waiting
    unconfirmed = made.families.total - confirmed if confirmed is not None else 0
    pages = []
    if left:
        pages.append(
            open_page(say("report.print.unreached"), path_to(tx, row, actor, "not_accepted"))
        )
    if unconfirmed:
        path = path_to(tx, row, actor, "unconfirmed")
        pages.append(open_page(say("report.print.unconfirmed"), path))
    verbs = _verbs(tx, actor, row, unconfirmed)
    return [*(button(tx, ref_of(row), verb) for verb in verbs), *pages]


def _verbs(tx: Transaction, actor: Actor, row: Broadcast, unconfirmed: int) -> list[CardVerb]:
    writes, state = may_write(actor, row.school_id), State(row.state)
    found = []
    if writes and next_state(state, Verb.RESEND) and resending.not_reached(tx, row).can_be:
        found.append(CardVerb.RESEND)
    if writes and unconfirmed and state is not State.WITHDRAWN:
        found.append(CardVerb.REMIND)
    if next_state(state, Verb.WITHDRAW) and _may_withdraw(actor, row):
        found.append(CardVerb.WITHDRAW)
    if writes and is_followed(state, Relation.CORRECTION):
        found.append(CardVerb.CORRECT)
    return found


def _may_withdraw(actor: Actor, row: Broadcast) -> bool:
    return may(actor, Verb.WITHDRAW, authorship(row)) is None
