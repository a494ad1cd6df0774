"""予約一覧: a broadcast for tomorrow is changed, then called off; one for now is undone."""

from __future__ import annotations

from actions import boards
from commands.demo.chapters.composing import Notice, approve, send, submit, write
from commands.demo.telling import Telling
from domain.board_settings import BoardSettings
from domain.broadcasts import State

_TRIP = Notice("校外学習の集合", "明日は校門に集合します。", ("6年",), "event", "明日7時")
_MISTAKE = Notice("給食の献立変更", "今日の給食はカレーに変わります。", ("6年",), "other")


def play(tell: Telling) -> None:
    with tell.briefly("先生が明日7時の連絡を作り、校長が承認 / written for tomorrow, approved"):
        send(tell, tell.people.teacher, tell.people.principal, _TRIP)
    _changed(tell)
    _called_off(tell)
    _undone(tell)


def _changed(tell: Telling) -> None:
    teacher, principal = tell.people.teacher, tell.people.principal
    tell.says(teacher, "予約一覧", _TRIP.subject)
    tell.says(teacher, "1", "scheduled.ask")
    tell.taps(teacher, "scheduled.change", "compose.next")
    tell.taps(teacher, "compose.next.edit")
    tell.taps(teacher, "compose.part.when")
    tell.says(teacher, "明日8時", "8:00")
    submit(tell, teacher)
    approve(tell, principal, "8:00")


def _called_off(tell: Telling) -> None:
    teacher = tell.people.teacher
    tell.says(teacher, "予約一覧", "8:00")
    tell.says(teacher, "1", "scheduled.ask")
    tell.taps(teacher, "scheduled.cancel")
    tell.taps(teacher, "bot.yes", "decide.cancelled")
    tell.says(teacher, "予約一覧", "scheduled.none")


def _undone(tell: Telling) -> None:
    """With the board's own time to think better of it; the story has a shorter one."""
    teacher, principal = tell.people.teacher, tell.people.principal
    seconds = BoardSettings().undo_seconds
    before = _undo_seconds(tell, seconds)
    with tell.briefly("先生が今すぐの連絡を作ります / another one is written, for now"):
        write(tell, teacher, _MISTAKE)
        submit(tell, teacher)
    approve(tell, principal, _MISTAKE.subject)
    tell.hears(teacher, f"「{_MISTAKE.subject}」は")
    tell.taps(teacher, "broadcast.card.cancel", "decide.cancelled")
    words = f"承認から{seconds}秒以内なら、一押しで止まります / undone in time"
    tell.shows(tell.newest().state == State.CANCELLED, words)
    _undo_seconds(tell, before)


def _undo_seconds(tell: Telling, seconds: int) -> int:
    """Change how long there is to undo; as it was before."""
    house = tell.scene.house
    with house.database.writing() as tx:
        before = boards.settings(tx, house.board_id).undo_seconds
        boards.change_settings(tx, house.board_id, undo_seconds=seconds)
    return before
