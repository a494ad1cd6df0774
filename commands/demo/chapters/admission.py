"""Guardians register by each of the rules a school may have: open, confirm, invite."""

from __future__ import annotations

import re

from actions import child_codes
from commands.demo.phone import Phone
from commands.demo.telling import Telling
from domain.schools import Admission
from storage import schools

PHONE = "048-963-0001"
FAMILYS_MAIL = "hanako.yamada@docomo.example"
SECONDS_MAIL = "jiro.sato@au.example"
THIRDS_MAIL = "sabine.ito@gmail.example"
FOURTHS_MAIL = "shiro.kato@yahoo.example"
_WRONG_ID = "ABCD-2345-EFGH"
_PIN = re.compile(r"\b\d{6}\b")


def play(tell: Telling) -> None:
    _open(tell)
    _one_confirmed(tell)
    _several_confirmed(tell)
    _invited(tell)
    with tell.briefly("校長が受け付け方を元に戻します / the school is open again"):
        _set_rule(tell, Admission.OPEN)


def _open(tell: Telling) -> None:
    guardian = tell.people.family
    tell.says(guardian, "登録")
    tell.says(guardian, _WRONG_ID, "refusal.wrong_school_id")
    tell.says(guardian, _wide(tell.people.school.school_id), "register.sure")
    tell.says(guardian, "はい。３年２組、12番です")
    tell.says(guardian, "いいえ")
    tell.says(guardian, "完了")
    tell.taps(guardian, "register.confirm.yes", "register.done")
    _proves_mail(tell, guardian, FAMILYS_MAIL)


def _one_confirmed(tell: Telling) -> None:
    second, teacher, principal = tell.people.second, tell.people.teacher, tell.people.principal
    tell.says(principal, "学校の設定")
    tell.taps(principal, "school.settings.phone")
    tell.says(principal, PHONE, "school.settings.set_phone")
    _set_rule(tell, Admission.CONFIRM)
    _asks(tell, second, "5年2組 3番", SECONDS_MAIL)
    tell.hears(teacher, "admission.card")
    tell.taps(teacher, "tap.admit", "admission.admitted")
    tell.hears(second, "admission.told.admitted")


def _several_confirmed(tell: Telling) -> None:
    third, fourth, teacher = tell.people.third, tell.people.fourth, tell.people.teacher
    with tell.briefly("保護者CとDもTelegramで申し込みます / two more ask, on Telegram"):
        _asks(tell, third, "5年2組 8番", THIRDS_MAIL)
        _asks(tell, fourth, "5年1組 9番", FOURTHS_MAIL)
    tell.says(teacher, "登録の承認", "admission.pick")
    tell.taps(teacher, "admission.all", count=2)
    tell.taps(teacher, "tap.admit", "admission.admitted_all")
    for guardian in (third, fourth):
        tell.hears(guardian, "admission.told.admitted")


def _asks(tell: Telling, guardian: Phone, child: str, mail: str) -> None:
    """Everything that the school asks for, in one message."""
    tell.says(guardian, f"{tell.people.school.school_id}\nはい\n{child}\nいいえ\n完了")
    tell.taps(guardian, "register.confirm.yes")
    _proves_mail(tell, guardian, mail)


def _invited(tell: Telling) -> None:
    fifth, teacher, school = tell.people.fifth, tell.people.teacher, tell.people.school
    _set_rule(tell, Admission.INVITE)
    tell.says(fifth, school.school_id, "refusal.needs_child_code")
    tell.says(teacher, "登録案内")
    tell.says(teacher, "4年1組")
    tell.says(teacher, "完了")
    tell.says(teacher, "1番から20番まで", "slip.made")
    status, pdf = tell.downloads(teacher.link()["href"])
    is_pdf = status == 200 and pdf.startswith(b"%PDF")
    size = f"{len(pdf) // 1024} KB"
    tell.shows(is_pdf, f"切って配れる登録案内のPDF {size} / slips as a PDF, ready to cut")
    tell.says(fifth, _code_on_slip(tell, number=7))
    tell.taps(fifth, "bot.yes", "register.done")
    tell.taps(fifth, "register.skip", "4年1組")


def _code_on_slip(tell: Telling, number: int) -> str:
    """What is printed on one child's slip of 4年1組."""
    with tell.reading() as tx:
        groups = schools.classes_of(tx, tell.people.school.id)
        wanted = [group.id for group in groups if group.name == "4年1組"]
        (found,) = child_codes.of_classes(tx, wanted)
    return next(each.code for each in found.codes if each.number == number)


def _set_rule(tell: Telling, rule: Admission) -> None:
    principal = tell.people.principal
    tell.says(principal, "学校の設定")
    tell.taps(principal, "school.settings.admission")
    tell.taps(principal, f"school.admission.{rule.value}", "school.settings.set_admission")


def _proves_mail(tell: Telling, guardian: Phone, address: str) -> None:
    """Mail as a second way, proved by the one-time number that is sent there."""
    tell.says(guardian, address, "register.ask_pin")
    mail = tell.gets_mail(guardian, address, "proof.body")
    found = _PIN.search(mail.text)
    assert found is not None
    tell.says(guardian, found[0], "register.mail_done")


def _wide(text: str) -> str:
    """As a Japanese keyboard types it: full width."""
    return text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
