"""What a chat page shows, as JSON: replies and broadcasts in the order of their times."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain import cards, copies, paths, wording
from domain.cards import CardVerb, card_token, label
from domain.speech import Speech
from domain.wording import Words
from storage import webchat
from storage.database import Transaction
from storage.webchat import Mark, Notice, PictureRef, Spoken
from web import links, notices
from web.context import clocked, services, spoken_language, t

# Raised when the JSON changes its form, so that no browser keeps an old one.
_FORM = 3
LIMIT = 100
REPLY, NOTICE = "r", "d"


def etag(mark: Mark | None) -> str:
    """A name for what the page would show now; the same as long as nothing is new."""
    what = f"{_FORM} {spoken_language()} {mark}"
    return hashlib.sha256(what.encode()).hexdigest()[:24]


def entries(tx: Transaction, mark: Mark, zone: str) -> list[dict[str, Any]]:
    """The newest entries, oldest first."""
    spoken = webchat.spoken(tx, mark.contact_point_id, LIMIT)
    sent = webchat.notices(tx, mark.contact_point_id, LIMIT)
    wanted = {number for entry in spoken for number in entry.speech.picture_ids}
    images = webchat.pictures(tx, wanted)
    timed = [(s.at, _reply(s, mark.language, zone, images)) for s in spoken]
    timed += [(n.at, _notice(n, zone, tx.now)) for n in sent]
    timed.sort(key=lambda pair: pair[0])
    return [entry for _, entry in timed][-LIMIT:]


def moment(at: datetime, zone: str) -> dict[str, Any]:
    """A time for ordering, and as the school's clock says it."""
    words = clocked(at, zone)
    return {"at": int(at.timestamp() * 1000), "time": words.time, "day": words.day}


def _reply(
    spoken: Spoken, language: str, zone: str, images: Mapping[int, PictureRef]
) -> dict[str, Any]:
    speech = spoken.speech
    refs = [images[number] for number in speech.picture_ids if number in images]
    return {
        "id": f"{REPLY}{spoken.id}",
        "kind": "reply",
        **moment(spoken.at, zone),
        "fresh": spoken.fresh,
        "subject": wording.render(speech.subject, language) if speech.subject else "",
        "text": "\n\n".join(wording.render(words, language) for words in speech.words),
        "buttons": _buttons(speech, language),
        "pictures": _pictures(refs),
    }


def _buttons(speech: Speech, language: str) -> list[dict[str, Any]]:
    """The choices, with their numbers, because a number may be typed instead of a tap.

    A card stays open while the conversation goes on; an earlier choice does not. One with
    `href` opens that page of ours and says nothing.
    """
    return [
        {
            "label": wording.render(button.words, language),
            "token": button.token,
            "number": index if speech.numbered and not button.path else None,
            "card": cards.read_card(services().secret, button.token) is not None,
            **({"href": button.path} if button.path else {}),
        }
        for index, button in enumerate(speech.buttons, start=1)
    ]


def _notice(notice: Notice, zone: str, now: datetime) -> dict[str, Any]:
    """One taken back is as empty here as its page is."""
    state = notices.standing(notice.state, notice.valid_until, now)
    gone = state == "withdrawn"
    subject = copies.subject_line(notice.subject, emergency=notice.emergency)
    return {
        "id": f"{NOTICE}{notice.id}",
        "kind": "notice",
        **moment(notice.at, zone),
        "fresh": notice.fresh,
        "school": notice.school,
        "purpose": notices.purpose_words(notice.purpose),
        "tone": notices.tone(notice.purpose),
        "state": "" if state == "current" else t(f"web.state.{state}"),
        "subject": t("web.message.withdrawn_title") if gone else _said(subject),
        "text": t("web.message.withdrawn") if gone else _copy(notice, zone),
        "pictures": [] if gone else _pictures(notice.pictures),
        "page": links.page_path(notice.id),
        "buttons": [] if gone else _confirm(notice),
    }


def _copy(notice: Notice, zone: str) -> str:
    """The text with all that stands around it in every copy."""
    asks = notice.asks and not notice.confirmed
    parts = [
        _said(copies.lead(notice.origin, zone)),
        notice.body,
        _said(copies.how_to_confirm(notice.ref)) if asks else "",
        t("confirmation.page.done") if notice.confirmed else "",
        _said(_signature(notice)),
    ]
    return "\n\n".join(part for part in parts if part)


def _signature(notice: Notice) -> Words | None:
    if notice.verify_code is None:
        return None
    url = services().public_url.rstrip("/") + paths.verify(notice.verify_code)
    return copies.signature(notice.sender, url)


def _confirm(notice: Notice) -> list[dict[str, Any]]:
    """The button 確認しました, until somebody has pressed it here or elsewhere."""
    if not notice.asks or notice.confirmed:
        return []
    token = card_token(services().secret, notice.ref, CardVerb.CONFIRM)
    words = _said(label(CardVerb.CONFIRM))
    return [{"label": words, "token": token, "number": None, "card": True}]


def _said(words: Words | None) -> str:
    return wording.render(words, spoken_language()) if words is not None else ""


def _pictures(refs: list[PictureRef] | tuple[PictureRef, ...]) -> list[dict[str, Any]]:
    return [
        {"full": seen.full, "small": seen.small, "width": seen.width, "height": seen.height}
        for seen in links.pictures(refs)
    ]
