"""A broadcast as it is shown before it goes out: to its author, and on the approval card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from actions import forecasts, mail_checks, quotas
from actions.boards import settings
from domain.audience import OF_BROADCAST, Part, continues, parts_from_json
from domain.broadcasts import Purpose, Relation, State
from domain.cards import CardRef, CardVerb, card_token, label, mark_of, typed_form
from domain.content import HEADLINE, is_emergency, privacy_of, wants_confirmation
from domain.copies import subject_line
from domain.moments import moment
from domain.speech import Speech, SpeechButton
from domain.wording import Plain, Words, say
from storage import audiences, boards, broadcasts, schools, staff
from storage.database import Transaction
from storage.tables import Broadcast

APPROVAL_VERBS = (CardVerb.APPROVE, CardVerb.RETURN, CardVerb.REJECT)


@dataclass(frozen=True, slots=True)
class Preview:
    """`sender_name` is the school's name, or the board's for a city-wide broadcast.

    `headline_only` is what chats show. `few` says that what follows another goes to fewer families
    than anything else may, `for_all_ways` that it goes out as an emergency. `quota_words` say how
    long it takes, what providers' quotas mean for it, and whether mail is held back.
    """

    ref: CardRef
    state: State
    purpose: Purpose
    school_id: int | None
    sender_name: str
    subject: str
    body: str
    audience_words: Words
    families: int
    send_at: datetime | None
    send_words: Words
    until_words: Words | None
    confirm: bool
    headline_only: bool
    few: bool
    emergency: bool
    for_all_ways: bool
    origin_words: tuple[Words, ...]
    quota_words: tuple[Words, ...]
    picture_ids: tuple[int, ...]
    author_names: tuple[str, ...]


def ref_of(row: Broadcast) -> CardRef:
    return CardRef(row.id, row.version, mark_of(row.content_hash))


def current_ref(tx: Transaction, broadcast_id: int, version: int) -> CardRef | None:
    """The card that somebody typed as 「承認 12-3」; None if that version is not the newest."""
    row = broadcasts.find(tx, broadcast_id)
    return ref_of(row) if row is not None and row.version == version else None


def preview(tx: Transaction, broadcast_id: int) -> Preview:
    """Raises LookupError for a broadcast that does not exist."""
    row = broadcasts.broadcast(tx, broadcast_id)
    families = audiences.count_families(tx, row.board_id, row.audience)
    return Preview(
        ref=ref_of(row),
        state=State(row.state),
        purpose=Purpose(row.purpose),
        school_id=row.school_id,
        sender_name=sender_name(tx, row),
        subject=row.subject,
        body=row.body,
        audience_words=audience_words(tx, row),
        families=families,
        send_at=row.send_at,
        send_words=_send_words(tx, row),
        until_words=moment_of(tx, row, row.valid_until) if row.valid_until else None,
        confirm=wants_confirmation(row.options),
        headline_only=privacy_of(row.options) == HEADLINE,
        few=_are_few(tx, row, families),
        emergency=is_emergency(row.options),
        for_all_ways=is_emergency(row.options) and row.origin_id is not None,
        origin_words=_origin_words(tx, row),
        quota_words=_forecast_words(tx, row) + mail_checks.remarks(tx, State(row.state)),
        picture_ids=broadcasts.attachment_ids(tx, row.id),
        author_names=tuple(staff.name_of(tx, author) for author in row.author_ids),
    )


def _forecast_words(tx: Transaction, row: Broadcast) -> tuple[Words, ...]:
    """How long it takes, and what it uses of quotas; once it is being sent, that is no forecast."""
    if State(row.state) not in quotas.BEFORE:
        return ()
    needed = quotas.uses(tx, row)
    return forecasts.forecast(tx, row, needed) + quotas.forecast(tx, row, needed)


def sender_name(tx: Transaction, row: Broadcast) -> str:
    if row.school_id is None:
        return boards.board(tx, row.board_id).name
    return schools.school(tx, row.school_id).name


def moment_of(tx: Transaction, row: Broadcast, at: datetime) -> Words:
    return moment_of_board(tx, row.board_id, at)


def moment_of_board(tx: Transaction, board_id: int, at: datetime) -> Words:
    """A time as the board's schools write it."""
    return moment(at, boards.board(tx, board_id).zone)


def audience_words(tx: Transaction, row: Broadcast) -> Words:
    """Whom a broadcast is for, in words: the names of its parts, and of those left out."""
    parts = parts_from_json(row.audience)
    named = joined(tuple(_part_words(tx, part) for part in parts if not part.excluded))
    left_out = tuple(_part_words(tx, part) for part in parts if part.excluded)
    if not left_out:
        return named
    return say("broadcast.audience.except", named=named, left_out=joined(left_out))


def joined(words: tuple[Words, ...]) -> Words:
    """One list of several words, as the reader's language joins them."""
    return reduce(lambda first, rest: say("broadcast.and", first=first, rest=rest), words)


def preview_words(shown: Preview) -> tuple[Words, ...]:
    """The paragraphs that show a broadcast before it goes out."""
    facts = say(
        "broadcast.preview.facts",
        sender=shown.sender_name,
        purpose=say(f"broadcast.purpose.{shown.purpose.value}"),
        audience=shown.audience_words,
        families=shown.families,
        time=shown.send_words,
        authors=joined(tuple(Plain(name) for name in shown.author_names)),
    )
    subject = subject_line(shown.subject, emergency=shown.emergency)
    content = say("broadcast.preview.content", subject=subject, body=shown.body)
    return facts, content, *_remarks(shown)


def _remarks(shown: Preview) -> tuple[Words, ...]:
    """What stands beneath the text: how much more there is, and how it goes out."""
    count = len(shown.picture_ids)
    pictures = (say("broadcast.preview.pictures", count=count),) if count else ()
    until = (say("broadcast.preview.until", time=shown.until_words),) if shown.until_words else ()
    confirm = (say("broadcast.preview.confirm"),) if shown.confirm else ()
    privacy = (say("broadcast.preview.headline"),) if shown.headline_only else ()
    few = (say("broadcast.preview.few", families=shown.families),) if shown.few else ()
    ways = (say("broadcast.preview.emergency"),) if shown.for_all_ways else ()
    whom = *shown.origin_words, *few, *ways
    return *whom, *pictures, *until, *confirm, *privacy, *shown.quota_words


def card(tx: Transaction, shown: Preview, *verbs: CardVerb) -> Speech:
    """A broadcast shown with buttons that decide on exactly this version."""
    return Speech(
        words=(say("broadcast.card.heading"), *preview_words(shown)),
        buttons=tuple(button(tx, shown.ref, verb) for verb in verbs or APPROVAL_VERBS),
        picture_ids=shown.picture_ids,
        subject=say("broadcast.card.subject", subject=shown.subject),
    )


def button(tx: Transaction, ref: CardRef, verb: CardVerb) -> SpeechButton:
    """A card's button, with what may be typed instead of pressing it; it works for ever."""
    token = card_token(tx.secret, ref, verb)
    return SpeechButton(label(verb), token, typed_form(ref, verb), lasting=True)


def _are_few(tx: Transaction, row: Broadcast, families: int) -> bool:
    """Whether it goes to fewer than a board allows, because it continues what went to more."""
    fewest = settings(tx, row.board_id).min_families
    return continues(parts_from_json(row.audience)) and families < fewest


def _send_words(tx: Transaction, row: Broadcast) -> Words:
    if row.send_at is None:
        return say("broadcast.at_once")
    return moment_of(tx, row, row.send_at)


def _part_words(tx: Transaction, part: Part) -> Words:
    if part.kind in OF_BROADCAST:
        return say(f"broadcast.audience.{part.kind}", subject=_subject_of(tx, part.id))
    if part.kind == "city":
        return say("broadcast.audience.city")
    if part.kind == "school":
        return say("broadcast.audience.school", school=schools.school(tx, part.id).name)
    group = schools.group(tx, part.id)
    return Plain(group.name) if group else say("broadcast.audience.gone")


def _subject_of(tx: Transaction, broadcast_id: int) -> Words:
    row = broadcasts.find(tx, broadcast_id)
    return Plain(row.subject) if row is not None else say("broadcast.audience.gone")


def _origin_words(tx: Transaction, row: Broadcast) -> tuple[Words, ...]:
    """What an approver must know of a broadcast that follows another; nothing of any other."""
    origin = broadcasts.find(tx, row.origin_id) if row.origin_id else None
    if origin is None or row.relation not in (Relation.CORRECTION, Relation.REPLACEMENT):
        return ()
    if origin.frozen_at is None:
        return (say("recall.remark.instead", subject=origin.subject),)
    time = moment_of(tx, origin, origin.frozen_at)
    return (say(f"recall.remark.{row.relation}", subject=origin.subject, time=time),)
