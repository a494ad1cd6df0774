"""Three conversations as people have them, written down for docs/transcripts.

    python -m tests.channels.contract.transcripts

plays the stories against the stand-ins and writes what then stands in the chats.  Codes come from
fixed dice and the clock stands still; what is random all the same is masked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from domain.roles import Role
from storage.database import Database
from storage.migrate import upgrade
from tests.channels.contract import stories
from tests.channels.contract.providers import NOW, Providers, running
from tests.channels.contract.rig import PUBLIC_URL, Sends, Shown
from tests.channels.contract.rigs.email import EmailRig
from tests.channels.contract.rigs.line import LineRig
from tests.channels.contract.rigs.telegram import TelegramRig
from tests.channels.contract.rigs.webchat import WebchatRig
from tests.channels.contract.stage import Actor, Stage, open_stage
from tests.databases import SECRET, VAULT, Clock

FOLDER = Path(__file__).parents[3] / "docs" / "transcripts"
_MADE = "<!-- Made by `python -m tests.channels.contract.transcripts`; a test compares. -->"
_PIN, _SCHOOL_ID = "123456", "K7Q3-M9XP-4TWR"
_SEALED = re.compile(rf"({re.escape(PUBLIC_URL)}/\w+/)[\w-]+")


def all_rigs(providers: Providers) -> tuple[Sends, ...]:
    """A rig of every channel."""
    return (
        EmailRig(providers.smtp),
        LineRig(providers.line),
        TelegramRig(providers.telegram),
        WebchatRig(providers.server),
    )


def play(stage: Stage) -> dict[str, str]:
    """Play all three stories; what is to stand in each file, by its name."""
    line, telegram = stage.talks("line"), stage.talks("telegram")
    guardian = Actor(stage, line, line.person(1))
    stories.a_guardian_registers(stage, guardian)
    stage.town.families()
    teacher = stage.staff(line, 2, Role.OPERATOR, "山田花子")
    principal = stage.staff(telegram, 3, Role.MANAGER, "佐藤一郎")
    stories.a_teacher_composes(teacher)
    stories.the_principal_returns_it(stage, teacher, principal)
    stories.the_principal_approves(teacher, principal)
    return {
        "line-guardian.md": _page(stage, "LINE：保護者が登録する", "保護者", guardian),
        "line-teacher.md": _page(stage, "LINE：先生がお知らせを作る", "先生", teacher),
        "telegram-principal.md": _page(stage, "Telegram：校長が決める", "校長", principal),
    }


def _page(stage: Stage, title: str, name: str, actor: Actor) -> str:
    parts, before = [f"# {title}", _MADE], None
    for number, shown in enumerate(actor.rig.shown(actor.address)):
        note = actor.notes.get(number)
        if note:
            parts.append(f"*{note}*")
        if note or shown.mine is not before:
            parts.append(f"**{name if shown.mine else '連絡網'}**")
        parts.append(_bubble(shown))
        before = shown.mine
    return _masked(stage, "\n\n".join(parts) + "\n")


def _bubble(shown: Shown) -> str:
    """A quotation; a backslash ends each line of it, so that Markdown keeps the lines apart."""
    paragraphs = ["🖼（画像）"] * shown.pictures + shown.text.strip().split("\n\n")
    if shown.taps:
        paragraphs.append(" ".join(f"`{tap.label}`" for tap in shown.taps))
    drawn = [_paragraph(each) for each in paragraphs if each.strip()]
    return "\n>\n".join(drawn)


def _paragraph(text: str) -> str:
    return "\\\n".join(f"> {line}" for line in text.splitlines())


def _masked(stage: Stage, text: str) -> str:
    pin, code = stories.mailed_pin(stage, stories.ADDRESS), stage.school_code
    masks = {
        pin: _PIN,
        f"{pin[:3]} {pin[3:]}": f"{_PIN[:3]} {_PIN[3:]}",
        code: _SCHOOL_ID,
        code.translate(stories.WIDE): _SCHOOL_ID.translate(stories.WIDE),
    }
    for real, shown in masks.items():
        text = text.replace(real, shown)
    return _SEALED.sub(r"\1…", text)


def write(pages: Mapping[str, str], folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Play everything anew and write it down."""
    with TemporaryDirectory() as folder, running() as providers:
        providers.reset()
        clock = Clock(NOW)
        database = Database(f"sqlite:///{folder}/renrakumo.db", VAULT, SECRET, clock)
        upgrade(database)
        with open_stage(providers, database, clock, all_rigs(providers)) as stage:
            write(play(stage))
        database.close()


if __name__ == "__main__":
    main()
