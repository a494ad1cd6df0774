"""Two of the hardest everyday cases, written down for docs/transcripts/everyday.

    python -m tests.channels.contract.everyday

plays them in LINE: a guardian in a hurry who answers several questions at once, falls silent, and
presses yesterday's button; and one whose old telephone lies in a lake.
"""

from __future__ import annotations

import re
from tempfile import TemporaryDirectory

from sqlalchemy import update

from bot import silence
from bot.dialogues import FLOWS
from storage.database import Database
from storage.migrate import upgrade
from storage.tables import School
from tests.channels.contract import stories, transcripts
from tests.channels.contract.providers import NOW, running
from tests.channels.contract.stage import Actor, Stage, open_stage
from tests.databases import SECRET, VAULT, Clock

FOLDER = transcripts.FOLDER / "everyday"
_MADE = "<!-- Made by `python -m tests.channels.contract.everyday`; a test compares. -->"
_PIN = re.compile(r"\b(?!000000)\d{6}\b")


def play(stage: Stage) -> dict[str, str]:
    """Play both stories; what is to stand in each file, by its name."""
    with stage.database.writing() as tx:
        tx.session.execute(update(School).values(phone="048-963-9999"))
    line = stage.talks("line")
    hurried = Actor(stage, line, line.person(11))
    a_guardian_in_a_hurry(stage, hurried)
    old, new = Actor(stage, line, line.person(12)), Actor(stage, line, line.person(13))
    a_telephone_in_a_lake(stage, old, new)
    return {
        "in-a-hurry.md": _page(stage, "急いでいる保護者", [("LINE", hurried)]),
        "new-phone.md": _page(
            stage,
            "古い電話が使えなくなった保護者",
            [("新しい電話のLINE", new), ("古い電話のLINE", old)],
        ),
    }


def a_guardian_in_a_hurry(stage: Stage, guardian: Actor) -> None:
    """Several answers at once, a day of silence, yesterday's button, and words for the school."""
    guardian.says(f"お世話になります。\n{stage.school_code}\nはい\n3-2 12番 サッカー部")
    guardian.hears("ここまでわかりました", "「サッカー部」", "ほかにも、この学校に")
    yesterdays = guardian.tap("はい")
    stage.passes(hours=25)
    assert silence.remind_all(stage.database, FLOWS) == 1
    guardian.notes[_next(guardian)] = "返事がないまま、1日がたった。"
    stage.goes_on()
    guardian.looks()
    guardian.hears("途中のやりとりが残っています", "ほかにも、この学校に")
    guardian.says("いいえ、大丈夫です。")
    guardian.hears("部活動")
    guardian.notes[_next(guardian)] = "上に残っていた、前の質問のボタンを押す。"
    guardian.presses(yesterdays)
    guardian.hears("期限が切れました", "部活動")
    guardian.says("サッカー部、合唱部")
    guardian.hears("・3年2組 12番", "・合唱部", "この内容で登録しますか")
    guardian.says("はい、お願いします")
    guardian.hears("登録しました")
    guardian.says("あとで")
    guardian.hears("【第一小学校】")
    guardian.says(
        "ありがとうございました！", "明日は熱があるので休みます", "明日の持ち物は何ですか？"
    )
    guardian.hears("学校へお電話ください", "048-963-9999")


def a_telephone_in_a_lake(stage: Stage, old: Actor, new: Actor) -> None:
    """A registration with mail; then another telephone, and the mail proves whose it is."""
    old.says(f"{stage.school_code}\nはい\n4-1 7番 いいえ 完了", "登録する", stories.ADDRESS)
    old.says(stories.mailed_pin(stage, stories.ADDRESS))
    old.hears("メールの確認ができました")
    new.says("スマホを変えた")
    new.hears("どの方法にしますか")
    new.taps("登録したメール")
    new.says(stories.ADDRESS)
    new.hears("登録されていれば")
    new.says("000000")
    new.hears("番号が違います")
    old.notes[_next(old)] = "新しい電話から、引き継ぎの手続きがあった。"
    new.says(stories.mailed_pin(stage, stories.ADDRESS))
    new.hears("この画面に引き継ぎました", "もう使いませんか")
    new.says("はい。")
    new.hears("つながりました", "【第一小学校】")
    old.looks()
    old.hears("学校の連絡はここには届きません")


def _page(stage: Stage, title: str, chats: list[tuple[str, Actor]]) -> str:
    parts = [f"# {title}", _MADE]
    for name, actor in chats:
        parts += [f"## {name}"] if len(chats) > 1 else []
        parts += _chat(actor)
    text = "\n\n".join(parts) + "\n"
    return _PIN.sub("123456", text.replace(stage.school_code, "K7Q3-M9XP-4TWR"))


def _chat(actor: Actor) -> list[str]:
    parts: list[str] = []
    before = None
    for number, shown in enumerate(actor.rig.shown(actor.address)):
        note = actor.notes.get(number)
        parts += [f"*{note}*"] if note else []
        if note or shown.mine is not before:
            parts.append(f"**{'保護者' if shown.mine else '連絡網'}**")
        parts.append(transcripts._bubble(shown))
        before = shown.mine
    return parts


def _next(actor: Actor) -> int:
    """The place of the bubble that comes next."""
    return len(actor.rig.shown(actor.address))


def main() -> None:
    """Play everything anew and write it down."""
    with TemporaryDirectory() as folder, running() as providers:
        providers.reset()
        clock = Clock(NOW)
        database = Database(f"sqlite:///{folder}/renrakumo.db", VAULT, SECRET, clock)
        upgrade(database)
        rigs = transcripts.all_rigs(providers)
        with open_stage(providers, database, clock, rigs) as stage:
            transcripts.write(play(stage), FOLDER)
        database.close()


if __name__ == "__main__":
    main()
