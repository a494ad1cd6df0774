"""What is said outside any dialogue: commands, codes, links; anything else gets the menu."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from actions import registration, staff, tries
from actions.verification import looks_like_code
from bot import ahead, kind
from bot.dialogues.menu import ITEMS, Page, shown_items
from bot.phrases import YES, lines
from bot.steps import Begin, Scene
from bot.talk import STAYS, Open, Talk
from bot.words import LanguageWord, language_word, vocabulary
from domain import paths, tokens
from domain.codes import fold_code
from domain.contact_codes import fold_contact_code
from domain.folding import fold, fold_word
from domain.school_ids import looks_like_school_id
from domain.verification import fold_verify_code
from domain.wording import say
from storage import dialogues, people
from storage.database import Transaction
from storage.inbox import InboxItem

# What a join link hands over as the first text: Telegram's "/start K7Q3M9XP4TWR".
_LINK = re.compile(r"/(?:start|join)[\s_=:]+(\S.*)", re.IGNORECASE)
_EMERGENCY = "emergency"


def hear(talk: Talk, text: str) -> None:
    """Take a text that answers no question. It is kept nowhere."""
    language = language_word(text)
    command = command_of(text)
    if language is not None:
        change_language(talk, language)
    elif command is not None:
        _do(talk, command)
    elif fold_code(text):
        talk.begin(Begin("invitation", answers=(("code", fold_code(text)),)))
    elif fold_contact_code(text):
        take_contact_code(talk, text)
    elif looks_like_code(text):
        talk.begin(Begin("verify", answers=(("code", fold_verify_code(text)),)))
    elif looks_like_school_id(text) or ahead.holds_more(text):
        _register(talk, text)
    else:
        kind.answer(talk, text)


def take_contact_code(talk: Talk, text: str) -> None:
    """Let a guardian bring their registration here; what is open here goes on afterwards."""
    answers = (("code", fold_contact_code(text)),)
    talk.begin(Begin("link_contact", answers=answers), talk.set_aside("link_contact"))


def _do(talk: Talk, command: str) -> None:
    """Begin what a word asks for, if it is theirs to do; others are told whose it is."""
    if command == "groups" and not is_theirs(talk, command) and is_theirs(talk, "manage_groups"):
        command = "manage_groups"
    is_for_all = ITEMS[command].page is Page.MINE
    actor = staff.actor_of(talk.tx, talk.contact_id)
    is_staff = actor is not None and bool(actor.grants)
    if is_for_all or is_theirs(talk, command):
        talk.begin(Begin(command))
    elif command == "school_id" and not is_staff:
        # What a guardian has who writes this is a school ID to register with.
        talk.begin(Begin("register"))
    else:
        tries.no_staff(talk.tx, talk.contact_id, command, 0)
        role = say("kind.not_your_role", item=say(f"menu.item.{command}"))
        talk.say(role if is_staff else say("kind.staff_only"))


def call_emergency(talk: Talk, text: str) -> bool:
    """Let staff begin an emergency whatever they are in the middle of; False if it is no such word.

    The dialogue that is open goes on afterwards.
    """
    if command_of(text) != _EMERGENCY or not is_theirs(talk, _EMERGENCY):
        return False
    stored = talk.active()
    if stored is not None and stored.flow == _EMERGENCY:
        return False
    below = talk.set_aside(_EMERGENCY)
    if below is not None and below.flow == _EMERGENCY:
        talk.resume(below)
    else:
        talk.begin(Begin(_EMERGENCY), below)
    return True


def is_theirs(talk: Talk, command: str) -> bool:
    """Whether the menu offers a dialogue to this person."""
    return command in shown_items(talk.tx, _scene(talk))


def _scene(talk: Talk) -> Scene:
    return Scene(talk.contact_id, talk.board_id, talk.language, {})


def _register(talk: Talk, text: str) -> None:
    """Register with a school ID, and with the answers that may stand beside it."""
    said = talk.said()
    school_id, parts = ahead.split_id(text)
    talk.begin(Begin("register", answers=(("id", school_id),)))
    stored = talk.active()
    at = talk.open(stored) if stored and parts else None
    way = (ahead.read(talk, at, parts) or _beyond_yes(talk, at, parts)) if at else None
    if way is not None:
        talk.take_back(said)
        ahead.follow(talk, way)


def _beyond_yes(talk: Talk, at: Open, parts: tuple[str, ...]) -> ahead.Way | None:
    """Who writes a class after the school ID means that school; the summary names it again."""
    if at.question.key != "sure":
        return None
    further = talk.ahead(at, YES)
    way = ahead.read(talk, further, parts) if further is not None else None
    return way or ahead.Way(at, parts)


def is_link(text: str) -> bool:
    return _LINK.fullmatch(fold(text)) is not None


def follow_link(talk: Talk, text: str) -> None:
    """A link is a plain wish to begin anew, whatever was going on."""
    stored = talk.active()
    while stored is not None:
        if STAYS in stored.memory:
            talk.say(say(stored.memory[STAYS]))
        stored = dialogues.end(talk.tx, stored)
    link = _LINK.fullmatch(fold(text))
    hear(talk, link[1] if link else text)


def show_help(talk: Talk) -> None:
    """What this person may do, a line for each, with the menu beneath."""
    talk.say(
        lines(
            [
                say("bot.help.item", item=say(f"menu.item.{item}"), help=say(f"help.{item}"))
                for item in shown_items(talk.tx, _scene(talk))
            ]
        )
    )
    show_menu(talk, "help.menu")


def show_menu(talk: Talk, greeting: str) -> None:
    talk.begin(Begin("menu", given={"greeting": greeting}))


def change_language(talk: Talk, word: LanguageWord) -> None:
    """Switch at once, or ask which; a dialogue that is open goes on afterwards."""
    given = {} if word is LanguageWord.CHOOSE else {"language": word.value}
    talk.begin(Begin("language", given=given), talk.set_aside("language"))


def leave(tx: Transaction, item: InboxItem) -> None:
    """One click on "leave": the contact point and the school that the token names.

    Whoever holds the token may leave, so who sent it does not matter; another one is ignored.
    """
    numbers = tokens.unseal(tx.secret, paths.LEAVE, item.token)
    if numbers is None or len(numbers) != 2:
        return
    contact_id, school_id = numbers
    if people.is_of_board(tx, contact_id, item.board_id):
        registration.opt_out(tx, contact_id, school_id)


def command_of(text: str) -> str | None:
    """The dialogue that a word of the menu asks for."""
    return _commands().get(fold_word(text))


@cache
def _commands() -> Mapping[str, str]:
    # Where two say the same word, the first in the menu is meant.
    items = reversed(list(ITEMS))
    return {word: item for item in items for word in vocabulary(f"menu.word.{item}")}
