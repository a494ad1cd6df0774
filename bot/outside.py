"""What is said outside any dialogue: commands, codes, links; anything else gets the menu."""

from __future__ import annotations

import re

from actions import registration
from bot.dialogues.menu import ITEMS
from bot.steps import Begin
from bot.talk import STAYS, Talk
from bot.words import LanguageWord, language_word, vocabulary
from domain import paths, tokens
from domain.codes import fold_code
from domain.folding import fold, fold_word
from domain.school_ids import looks_like_school_id
from domain.wording import say
from storage import dialogues, people
from storage.database import Transaction
from storage.inbox import InboxItem

# What a join link hands over as the first text: Telegram's "/start K7Q3M9XP4TWR".
_LINK = re.compile(r"/(?:start|join)[\s_=:]+(\S.*)", re.IGNORECASE)


def hear(talk: Talk, text: str) -> None:
    """Take a text that answers no question. It is kept nowhere."""
    language = language_word(text)
    command = _command(text)
    if language is not None:
        change_language(talk, language)
    elif command is not None:
        talk.begin(Begin(command))
    elif fold_code(text):
        talk.begin(Begin("invitation", answers=(("code", fold_code(text)),)))
    elif looks_like_school_id(text):
        talk.begin(Begin("register", answers=(("id", text),)))
    else:
        show_menu(talk, "menu.pardon")


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


def show_menu(talk: Talk, greeting: str) -> None:
    talk.begin(Begin("menu", given={"greeting": greeting}))


def change_language(talk: Talk, word: LanguageWord) -> None:
    """Switch at once, or ask which; a dialogue that is open goes on afterwards."""
    given = {} if word is LanguageWord.CHOOSE else {"language": word.value}
    below = talk.active()
    while below is not None and below.flow == "language":
        below = dialogues.end(talk.tx, below)
    talk.begin(Begin("language", given=given), below)


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


def _command(text: str) -> str | None:
    word = fold_word(text)
    return next((item for item in ITEMS if word in vocabulary(f"menu.word.{item}")), None)
