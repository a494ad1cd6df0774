"""The conversations of a school day, each written once for every channel.

What is asserted is what the person can see in that provider's chat: the texts, and the buttons
that can be pressed there.
"""

from __future__ import annotations

import re

from tests.channels.contract.kit import photo
from tests.channels.contract.stage import Actor, Stage

WIDE = {ord("!") + offset: 0xFF01 + offset for offset in range(94)}
ADDRESS = "hanako@example.jp"
SUBJECT = "遠足は中止です"
BODY = "バスが来ません。\n\n・弁当は１個\n・水とう"


def a_guardian_registers(stage: Stage, guardian: Actor) -> None:
    """Two children, a wrong ID first, clubs, and mail as a second way."""
    guardian.says("登録")
    guardian.hears("学校IDを送ってください")
    guardian.says("2222-3333-4444")
    guardian.hears("使えません", "学校IDを送ってください")
    guardian.says(stage.school_code.translate(WIDE))
    guardian.hears("第一小学校でよろしいですか", "1 はい", "2 いいえ")
    guardian.taps("はい")
    guardian.hears("お子さんの組", "1 3年1組", "2 3年2組")
    guardian.sees("3年1組", "3年2組", "4年1組")
    guardian.says("3の2")
    guardian.hears("出席番号は何番ですか")
    guardian.says("１２番です")
    guardian.hears("ほかにも、この学校にお子さんがいますか")
    guardian.says("1")
    guardian.hears("お子さんの組")
    guardian.taps("4年1組")
    guardian.says("なし")
    guardian.taps("いいえ")
    guardian.hears("部活動", "1 サッカー部", "2 合唱部", "3 完了")
    guardian.says("1,2")
    guardian.hears("第一小学校", "・3年2組 12番", "・4年1組", "・サッカー部", "・合唱部")
    guardian.taps("登録する")
    guardian.hears("登録しました。", "メールアドレスを送って")
    adds_mail(stage, guardian)
    guardian.says("登録内容")
    guardian.hears("【第一小学校】", "・3年2組", "・4年1組", "・サッカー部")


def adds_mail(stage: Stage, guardian: Actor) -> None:
    guardian.says("ｈａｎａｋｏ＠example.jp")
    guardian.hears(f"{ADDRESS} に6けたの番号")
    pin = mailed_pin(stage, ADDRESS)
    guardian.says("000000" if pin != "000000" else "111111")
    guardian.hears("番号が違います")
    guardian.says(f"{pin[:3]} {pin[3:]}")
    guardian.hears("確認ができました")


def mailed_pin(stage: Stage, address: str) -> str:
    """The number in the newest mail with one that the relay took for somebody."""
    text = "\n".join(mail.text for mail in stage.rigs["email"].shown(address))
    found = re.findall(r"\b\d{6}\b", text)
    assert found, text
    return str(found[-1])


def registers_shortly(stage: Stage, guardian: Actor, answer: str = "3-2") -> None:
    guardian.says(stage.school_code, "はい", answer, "なし", "いいえ", "完了", "登録する", "なし")
    guardian.hears("【第一小学校】")


def a_teacher_composes(teacher: Actor) -> None:
    """To two classes, with a picture, for tomorrow; up to where it waits for approval."""
    teacher.says("作成")
    teacher.hears("何の連絡ですか", "1 地震", "4 行事の中止・変更")
    teacher.taps("行事の中止・変更")
    teacher.hears("だれに送りますか", "1 学校全体", "2 3年1組")
    teacher.says("2,4")
    teacher.hears("選んだもの", "3年1組", "4年1組")
    teacher.taps("完了")
    teacher.hears("件名を送ってください")
    teacher.says(SUBJECT)
    teacher.hears("本文を送ってください")
    teacher.says(BODY)
    teacher.hears("画像があれば")
    if not teacher.rig.checks_pictures:
        teacher.sends_picture(b"not a picture at all")
        teacher.hears("画像として開けませんでした", "画像があれば")
    teacher.sends_picture(photo())
    teacher.hears("画像を1枚受け取りました", "あと3枚")
    teacher.says("完了")
    teacher.hears("いつ送りますか")
    teacher.says("明日7:00")
    teacher.hears(SUBJECT, BODY, "画像1枚", "7:00")
    teacher.taps("承認を依頼")
    teacher.hears("承認を依頼しました", "承認できる人：1人")


def composes_shortly(teacher: Actor) -> None:
    teacher.says("作成", "行事の中止・変更", "学校全体", SUBJECT, BODY, "なし", "いますぐ")
    teacher.hears(SUBJECT, "承認後すぐ")
    teacher.taps("承認を依頼")
    teacher.hears("承認を依頼しました")


def the_principal_returns_it(stage: Stage, teacher: Actor, principal: Actor) -> None:
    """With a reason; the teacher corrects it and submits it again."""
    principal.looks()
    principal.hears("承認", SUBJECT, BODY)
    principal.sees("承認", "差し戻し", "却下")
    principal.taps("差し戻し")
    principal.hears("直してほしいところ", SUBJECT)
    principal.says("持ち物に雨具も書いてください")
    principal.hears("差し戻しました")
    teacher.looks()
    teacher.hears("持ち物に雨具も書いてください")
    teacher.taps("修正")
    teacher.hears(BODY, "承認を依頼")
    teacher.taps("修正する")
    teacher.says("本文", f"{BODY}\n・雨具")
    teacher.hears("・雨具", "承認を依頼")
    teacher.taps("承認を依頼")
    teacher.hears("承認を依頼しました")


def the_principal_approves(teacher: Actor, principal: Actor) -> None:
    principal.looks()
    principal.hears(SUBJECT)
    principal.taps("承認")
    principal.hears("承認しました")
    principal.sees("取り消し")
    teacher.looks()
    teacher.hears("佐藤一郎さんが承認しました")
