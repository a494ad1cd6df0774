"""Groups: a bus route made of classes, a club joined, and an audience with an exception."""

from __future__ import annotations

from commands.demo.chapters.composing import Notice, send
from commands.demo.telling import Telling

_ROUTE = "さくら山線バス"
_NOTICE = Notice(
    "明日のバスの時刻",
    "明日のさくら山線は、10分早く出ます。",
    ("5年 5年2組を除く", _ROUTE),
)


def play(tell: Telling) -> None:
    _teacher_makes_a_route(tell)
    family = tell.people.family
    tell.says(family, "グループ", _ROUTE)
    tell.taps(family, "groups.join", name="合唱クラブ")
    tell.says(family, "完了", "groups.changed.joined")
    with tell.briefly(f"先生が「{'」「'.join(_NOTICE.audience)}」に送ります / sent to these"):
        send(tell, tell.people.teacher, tell.people.principal, _NOTICE)
    _only_those_meant(tell)


def _teacher_makes_a_route(tell: Telling) -> None:
    teacher = tell.people.teacher
    tell.says(teacher, "グループ管理")
    tell.taps(teacher, "manage_groups.new")
    tell.taps(teacher, "manage_groups.kind.route")
    tell.taps(teacher, "manage_groups.no_above")
    tell.says(teacher, _ROUTE, "manage_groups.added")
    _opens_route(tell)
    tell.taps(teacher, "manage_groups.wish.make_of")
    tell.says(teacher, "5年1組", "bot.picked")
    tell.says(teacher, "6年1組", "6年1組")
    tell.says(teacher, "完了", "manage_groups.changed")
    _opens_route(tell)
    tell.taps(teacher, "manage_groups.wish.put_in")
    tell.says(teacher, "3年2組 12番", "manage_groups.done.put_in")


def _opens_route(tell: Telling) -> None:
    tell.says(tell.people.teacher, "グループ管理")
    tell.says(tell.people.teacher, _ROUTE, "manage_groups.ask_wish")


def _only_those_meant(tell: Telling) -> None:
    people, subject = tell.people, _NOTICE.subject
    tell.hears(people.family, subject)
    tell.hears(people.fourth, subject)
    tell.wait_until_sent()
    on_line, _ = tell.scene.line.received(subject)
    on_telegram, _ = tell.scene.telegram.received(subject)
    left_out = not on_line[people.second.person] and not on_telegram[people.third.person]
    tell.shows(left_out, "5年2組の保護者BとCには届いていません / class 5-2 was left out")
