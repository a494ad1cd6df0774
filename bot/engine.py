"""One turn: what a person did is read against their dialogue, and everything said is queued.

The caller's transaction holds it all, so a turn happens wholly or not at all. The order of
listening is always the same: global words, cards, the open question, and only then whatever
else a text may mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import partial

from actions import boards, linking
from bot import ahead, asking, cards, comings, kind, outside, pictures, taps
from bot.dialogues import FLOWS
from bot.dialogues.invitation import welcome_words
from bot.steps import Begin, Flow, Json, Misread
from bot.talk import STAYS, Open, Talk
from bot.words import GlobalWord, global_word, language_word, means_stop
from domain.cards import read_card, read_typed
from domain.contact_codes import fold_contact_code
from domain.content import clean_text
from domain.refusals import Refusal
from domain.taps import read_tap
from domain.taps import read_typed as read_typed_tap
from domain.wording import say
from storage import boards as stored_boards
from storage import dialogues, people, replies
from storage.database import Transaction
from storage.inbox import InboxItem
from storage.tables import ContactPoint

Reader = Callable[[Talk, InboxItem], None]
Answer = Callable[[Talk, str], None]

_RECALL = "recall"


def take_turn(tx: Transaction, item: InboxItem, flows: Mapping[str, Flow] = FLOWS) -> None:
    """Answer one item of the inbox, or do without a word what it tells of a conversation."""
    if item.kind in comings.SILENT:
        comings.SILENT[item.kind](tx, item)
        return
    if item.kind == "link" and not item.sender:
        comings.not_linked(tx, item)
        return
    contact = people.contact_point(
        tx, item.board_id, item.channel, item.account, item.sender, lock=True
    )
    talk = Talk(tx, contact.id, flows)
    read = _reader(contact, item)
    if not boards.settings(tx, item.board_id).allows(item.channel):
        talk.say(say("bot.channel_off"))
    elif read is not None and (_come_back_late(talk) or _stands_alone(tx, item)):
        read(talk, item)
    for message in talk.messages():
        replies.queue(tx, contact.id, message, item.id, token=item.answer_token)


def _reader(contact: ContactPoint, item: InboxItem) -> Reader | None:
    """Who reads an item, after noting that it came; None for old news."""
    at = comings.happened_at(item)
    if item.kind == "follow":
        was_here = bool(contact.state_at or contact.heard_at)
        opened = people.note_opened(contact, at)
        return (_come_back if was_here else _begin) if opened else None
    if item.kind == "link":
        return _link
    in_order = people.note_heard(contact, at)
    if item.kind == "text" and not in_order:
        return _text_out_of_order
    return _READERS.get(item.kind, _other)


def _stands_alone(tx: Transaction, item: InboxItem) -> bool:
    """Whether an item answers no question, so that none that comes back can be in its way."""
    if item.kind == "button":
        secret, token = tx.secret, item.token
        return read_card(secret, token) is not None or read_tap(secret, token) is not None
    return item.kind in ("link", "follow")


def _come_back_late(talk: Talk) -> bool:
    """End what expired meanwhile; False if that brought back an older question instead."""
    stored = talk.found = talk.active()
    if stored is None or stored.expires_at > talk.tx.now:
        return True
    flow = talk.flow_of(stored)
    if not (flow and flow.passing):
        talk.say(say("bot.expired"))
    if STAYS in stored.memory:
        talk.say(say(stored.memory[STAYS]))
    below = dialogues.end(talk.tx, stored)
    talk.found = below
    if below is None:
        return True
    if below.expires_at <= talk.tx.now:
        return _come_back_late(talk)
    talk.resume(below)
    return False


# Texts.


def _text(talk: Talk, item: InboxItem, answer: Answer | None = None) -> None:
    text = unicodedata.normalize("NFC", clean_text(item.text))
    word = global_word(text)
    card, tap = read_typed(text), read_typed_tap(text)
    if not text:
        _other(talk, item)
    elif word is GlobalWord.CANCEL and _means_recall(talk, text):
        talk.begin(Begin(_RECALL))
    elif word is not None:
        _GLOBAL[word](talk)
    elif outside.is_link(text):
        outside.follow_link(talk, text)
    elif outside.call_emergency(talk, text):
        return
    elif card is not None:
        cards.typed(talk, *card)
    elif tap is not None:
        taps.tap(talk, tap)
    else:
        (answer or _answer)(talk, text)


def _answer(talk: Talk, text: str) -> None:
    stored = talk.found
    if stored is None:
        outside.hear(talk, text)
        return
    at = talk.open(stored)
    if at is None:
        return
    if at.flow.passing:
        _answer_in_passing(talk, at, text)
    elif at.moved:
        talk.say(say("bot.changed"))
        talk.repeat(at)
    else:
        _answer_question(talk, at, text)


def _answer_out_of_order(talk: Talk, text: str) -> None:
    """A text that was overtaken by a later one cannot be meant for the question now open."""
    at = _open_question(talk)
    if at is None:
        outside.hear(talk, text)
        return
    talk.say(say("bot.out_of_order"))
    talk.repeat(at)


_text_out_of_order = partial(_text, answer=_answer_out_of_order)


def _answer_in_passing(talk: Talk, at: Open, text: str) -> None:
    value = Misread(say("bot.changed")) if at.moved else asking.read_typed(at.question, text)
    if isinstance(value, Misread):
        dialogues.end(talk.tx, at.stored)
        outside.hear(talk, text)
    else:
        talk.answer(at, value)


def _answer_question(talk: Talk, at: Open, text: str) -> None:
    value = asking.read_typed(at.question, text)
    language = language_word(text)
    if at.question.free:
        talk.answer(at, value)
    elif fold_contact_code(text):
        outside.take_contact_code(talk, text)
    elif not isinstance(value, Misread):
        _answer_once_or_more(talk, at, text, value)
    elif language is not None:
        outside.change_language(talk, language)
    elif means_stop(text):
        _cancel(talk)
    else:
        _answer_once_or_more(talk, at, text, value)


def _answer_once_or_more(talk: Talk, at: Open, text: str, value: Json) -> None:
    """Take a text as one answer, or where it is none as a row of them."""
    is_row = isinstance(value, Misread) or ahead.holds_more(text)
    way = ahead.read(talk, at, ahead.parts_of(text)) if is_row else None
    if way is not None:
        ahead.follow(talk, way)
    elif isinstance(value, Misread) and (misplaced := kind.misplaced(text)) is not None:
        talk.say(misplaced)
        talk.repeat(at)
    else:
        talk.answer(at, value)


# Words that always work.


def _cancel(talk: Talk) -> None:
    """End the dialogue without playing its script, which may be what is broken."""
    stored = talk.active()
    flow = talk.flow_of(stored) if stored else None
    if stored is None or (flow is not None and flow.passing):
        talk.say(say("bot.cancel.nothing"))
        return
    talk.say(say("bot.cancelled"))
    talk.drop(stored)


def _means_recall(talk: Talk, text: str) -> bool:
    """Whether 取消 means a broadcast: staff say so where nothing is open to be cancelled."""
    stored = talk.active()
    flow = talk.flow_of(stored) if stored else None
    is_free = stored is None or (flow is not None and flow.passing)
    wants = outside.command_of(text) == _RECALL
    if not (is_free and wants and outside.is_theirs(talk, _RECALL)):
        return False
    if stored is not None:
        dialogues.end(talk.tx, stored)
    return True


def _back(talk: Talk) -> None:
    at = _open_question(talk)
    if at is None:
        talk.say(say("bot.back.nothing"))
    else:
        talk.back(at)


def _menu(talk: Talk) -> None:
    at = _open_question(talk)
    if at is None:
        outside.show_menu(talk, "menu.here")
        return
    talk.say(say("bot.busy"))
    talk.repeat(at)


def _start(talk: Talk) -> None:
    at = _open_question(talk)
    if at is None:
        _welcome(talk, "bot.welcome")
        return
    talk.say(say("bot.busy"))
    talk.repeat(at)


def _help(talk: Talk) -> None:
    at = _open_question(talk)
    if at is None:
        outside.show_help(talk)
        return
    talk.say(say(f"help.{at.flow.name}"), say("bot.help.words"))
    talk.repeat(at)


_GLOBAL: Mapping[GlobalWord, Callable[[Talk], None]] = {
    GlobalWord.CANCEL: _cancel,
    GlobalWord.BACK: _back,
    GlobalWord.MENU: _menu,
    GlobalWord.START: _start,
    GlobalWord.HELP: _help,
}


# Everything else that a person may do.


def _button(talk: Talk, item: InboxItem) -> None:
    card = read_card(talk.tx.secret, item.token)
    if card is not None:
        cards.tap(talk, *card)
        return
    tap = read_tap(talk.tx.secret, item.token)
    if tap is not None:
        taps.tap(talk, tap)
        return
    stored = talk.found
    at = talk.open(stored) if stored else None
    place = talk.place(at.stored) if at else None
    option = asking.read_token(at.question, place, item.token) if at and place else None
    if at and option:
        talk.answer(at, asking.value_of(at.question, option))
        return
    talk.say(say("bot.choice_expired"))
    if at:
        talk.repeat(at)


def _picture(talk: Talk, item: InboxItem) -> None:
    sent = item.media or item.picture
    at = _open_question(talk)
    if at is None or at.question.picture is None or at.moved:
        _not_a_text(talk, at, "bot.not_text.picture")
    elif pictures.is_lost(sent):
        talk.answer(at, Misread(say("bot.picture_lost")))
    else:
        talk.answer(at, at.question.picture(talk.tx, at.scene, sent))


def _other(talk: Talk, item: InboxItem) -> None:  # noqa: ARG001 - as every reader
    _not_a_text(talk, _open_question(talk), "bot.not_text.other")


def _not_a_text(talk: Talk, at: Open | None, key: str) -> None:
    talk.say(say(key))
    if at is not None:
        talk.repeat(at)
    else:
        outside.show_menu(talk, "menu.here")


def _begin(talk: Talk, item: InboxItem) -> None:  # noqa: ARG001 - as every reader
    _welcome(talk, "bot.welcome")


def _come_back(talk: Talk, item: InboxItem) -> None:  # noqa: ARG001 - as every reader
    known = comings.is_registered(talk.tx, talk.contact_id)
    _welcome(talk, "bot.welcome_back" if known else "bot.welcome_back.unregistered")


def _link(talk: Talk, item: InboxItem) -> None:
    """The provider says whether the browser that followed our link is this person's."""
    done = linking.finish(talk.tx, talk.contact_id, item.token, item.text == "ok")
    talk.say(done.words if isinstance(done, Refusal) else welcome_words(done))
    at = _open_question(talk)
    if at is not None:
        talk.repeat(at)


def _welcome(talk: Talk, key: str) -> None:
    talk.say(say(key, board=stored_boards.board(talk.tx, talk.board_id).name))
    at = _open_question(talk)
    if at is not None:
        talk.repeat(at)
    else:
        outside.show_menu(talk, "menu.here")


def _open_question(talk: Talk) -> Open | None:
    """The question a person is held by; a menu in passing is put away."""
    stored = talk.active()
    if stored is None:
        return None
    flow = talk.flow_of(stored)
    if flow is not None and flow.passing:
        dialogues.end(talk.tx, stored)
        return None
    return talk.open(stored)


_READERS: Mapping[str, Reader] = {
    "text": _text,
    "button": _button,
    "picture": _picture,
    "other": _other,
}
