"""Two guardians of one child who must not see each other, and two at one mailbox."""

from __future__ import annotations

from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_contacts import (
    adds_mail,
    code_of,
    links,
    mailbox_of,
    newest_pin,
    registers,
    sweeps,
    ways_of,
)

HIS, HERS = "taro@example.com", "hanako@example.jp"
EVERYTHING = (
    "登録内容",
    "受け取り方",
    "キャンセル",
    "メニュー",
    "ヘルプ",
    "グループ",
    "キャンセル",
)


def test_nothing_that_one_hears_tells_of_the_other(town: Town) -> None:
    """One child, two guardians; whatever happens to one, the other's texts stay the same."""
    alone, heard = town.person("alone"), town.person("mother")
    expected = goes_through_everything(town, alone, "4-1 7番")
    father = town.person("father", "line")
    registers(town, father, "3-2 12番")
    adds_mail(town, father, HIS)
    links(town, father, "webchat", "his web chat")
    said = goes_through_everything(town, heard, "3-2 12番", meanwhile=father)
    assert said.replace("3年2組 12番", "4年1組 7番").replace("3年2組", "4年1組") == expected
    for trace in ("ta…", "example.com", "すでに", "ほかの方", "家族", "もう一人", "father"):
        assert trace not in said, trace


def goes_through_everything(
    town: Town, person: Person, child: str, meanwhile: Person | None = None
) -> str:
    """All that somebody hears while they register and look at everything there is."""
    heard = [person.says(f"{town.school_code}\nはい\n{child} いいえ サッカー部 完了")]
    heard += [person.says(words) for words in ("登録する", "なし", *EVERYTHING)]
    if meanwhile is not None:
        for words in ("受け取り方", "いちばん上を変える", "2", "退会", "はい"):
            meanwhile.says(words)
        Bot(meanwhile).answers("退会しました")
    heard += [person.listens(), *(person.says(words) for words in EVERYTHING)]
    heard += [person.says("退会"), person.says("はい"), person.says("退会")]
    return "\n".join(heard)


def test_two_at_one_mailbox_each_hear_and_neither_sees_the_other(town: Town) -> None:
    mother, father = town.person("mother", "line"), town.person("father", "line")
    for person, child in ((mother, "3-2 12番"), (father, "3-2 12番")):
        registers(town, person, child)
        adds_mail(town, person, HERS)
    mailbox = mailbox_of(town, HERS)
    mailbox.says("受け取り方")
    Bot(mailbox).answers("ほかの方もお使い")
    mailbox.says("登録内容")
    Bot(mailbox).does_not_say("LINE", "12番")
    mailbox.says("退会")
    mailbox.says("はい")
    Bot(mailbox).answers("ここへのふだんの連絡だけを止めました")
    for person in (mother, father):
        person.says("登録内容")
        Bot(person).answers("・3年2組 12番", "1. LINE", "2. メール（ha…@example.jp）")
    father.says("退会")
    father.says("はい")
    assert ways_of(town, mother) == [(mother.contact_id, False), (mailbox.contact_id, False)]
    assert mailbox.state() == "active"
    town.clock.forward(days=2)
    assert sweeps(town) == 1


def test_a_shared_mailbox_brings_nobodys_registration_along(town: Town) -> None:
    mother, father = town.person("mother", "line"), town.person("father", "line")
    for person in (mother, father):
        registers(town, person, "3-2 なし")
        adds_mail(town, person, HERS)
    new = town.person("new phone", "line")
    for words in ("機種変更", "登録したメール", HERS):
        new.says(words)
    new.says(newest_pin(mailbox_of(town, HERS)))
    Bot(new).answers("このメールアドレスでは引き継げません")
    new.says("キャンセル")
    new.says("登録内容")
    Bot(new).answers("まだ登録がありません")


def test_a_code_typed_by_the_other_guardian_changes_nothing(town: Town) -> None:
    mother, father = town.person("mother", "line"), town.person("father", "line")
    registers(town, mother, "3-2 12番")
    registers(town, father, "3-2 12番")
    father.says(code_of(mother))
    Bot(father).answers("別の登録があります")
    assert mother.listens() == ""
    assert ways_of(town, mother) == [(mother.contact_id, False)]
