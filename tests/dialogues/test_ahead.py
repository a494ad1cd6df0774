"""Several answers in one message, politeness around them, and what is never guessed."""

from __future__ import annotations

import pytest

from actions import boards
from domain.roles import Role
from tests.dialogues.kit import Bot, Person, Town

CHANNELS = ("webchat", "line", "telegram", "email")

# What is sent one after the other (ID is the school's), and what the last answer says and does not.
TALKS: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    ("class and number", ("ID", "はい", "3年2組 12番"), ("ほかにも、この学校に",), ("ここまで",)),
    ("short", ("ID", "はい", "3-2、12番"), ("ほかにも、この学校に",), ()),
    ("spaced class", ("ID", "はい", "3年 2組 12番"), ("ほかにも、この学校に",), ()),
    ("lines", ("ID\nはい\n3年2組",), ("出席番号は何番ですか",), ("よろしいですか",)),
    ("no yes between", ("ID 3年1組 5番",), ("ほかにも、この学校に",), ("ここまで",)),
    ("ID and a name", ("ID さくら",), ("「さくら」", "よろしいですか"), ()),
    ("ID in spaces", ("SPACED はい 3-2",), ("出席番号は何番ですか",), ("よろしいですか",)),
    (
        "greeting",
        ("こんにちは。ID です。よろしくお願いします。",),
        ("よろしいですか",),
        ("ここまで",),
    ),
    ("at the question", ("登録", "ID\nはい\n3-2\n5"), ("ほかにも、この学校に",), ()),
    ("yes and class", ("ID", "はい。3年2組です"), ("出席番号は何番ですか",), ("ここまで",)),
    ("yes please", ("ID", "はい、お願いします"), ("お子さんの組",), ()),
    ("yes twice", ("ID", "はい、そうです！"), ("お子さんの組",), ()),
    ("please", ("ID", "お願いします"), ("お子さんの組",), ()),
    ("ok", ("ID", "OK!"), ("お子さんの組",), ()),
    ("no", ("ID", "いいえ、違います。"), ("学校IDを送って",), ("組",)),
    ("no thanks", ("ID", "はい", "3-2", "なし", "いいえ、大丈夫です"), ("部活動",), ()),
    ("ambiguous", ("ID", "大丈夫です"), ("わかりませんでした", "よろしいですか"), ()),
    ("both", ("ID", "はい、いいえ"), ("よろしいですか",), ("組",)),
    ("polite class", ("ID", "はい", "3年2組ですか"), ("出席番号",), ()),
    ("polite number", ("ID", "はい", "3-2", "12番でお願いします！"), ("ほかにも",), ()),
    (
        "a part is left",
        ("ID", "はい", "3-2 12番 サッカー部"),
        ("ここまで", "「サッカー部」", "ほかにも"),
        (),
    ),
    ("one and more", ("ID", "はい", "3年2組 サッカー部"), ("「サッカー部」", "出席番号"), ()),
    ("no guess", ("ID", "はい", "2年の花子 12番"), ("その組は見つかりません", "お子さんの組"), ()),
    ("bare choice", ("ID", "1 2 3"), ("わかりませんでした", "よろしいですか"), ()),
    ("bare then", ("ID", "はい 2"), ("ここまで", "「2」", "お子さんの組"), ("出席番号は",)),
    (
        "never the last step",
        ("ID", "はい", "3-2 5番 いいえ 完了 登録する"),
        ("ここまで", "「登録する」", "この内容で登録しますか"),
        ("登録しました",),
    ),
    (
        "clubs",
        ("ID", "はい", "3-2 なし いいえ サッカー部 完了"),
        ("・サッカー部", "登録しますか"),
        (),
    ),
    (
        "list",
        ("ID", "はい", "3-2 なし いいえ", "サッカー部、合唱部"),
        ("・合唱部", "登録しますか"),
        (),
    ),
    (
        "done politely",
        ("ID", "はい", "3-2 なし いいえ", "完了", "登録するでお願いします"),
        ("登録しました",),
        (),
    ),
    ("wrong ID", ("2222-3333-4444\nはい\n3-2",), ("使えません", "学校IDを送って"), ("ここまで",)),
    ("wrong ID asked", ("登録", "2222-3333-4444\nはい"), ("使えません",), ("ここまで",)),
    ("ID twice", ("ID", "ID"), ("学校IDのようです", "よろしいですか"), ()),
]


@pytest.mark.parametrize(("name", "said", "heard", "unheard"), TALKS, ids=[t[0] for t in TALKS])
def test_what_people_write(
    town: Town,
    name: str,
    said: tuple[str, ...],
    heard: tuple[str, ...],
    unheard: tuple[str, ...],
) -> None:
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=True)
    channel = CHANNELS[sum(map(ord, name)) % len(CHANNELS)]
    person = town.person(name, channel)
    spaced = town.school_code.replace("-", " ")
    for text in said:
        person.says(text.replace("ID", town.school_code).replace("SPACED", spaced))
    bot = Bot(person)
    bot.answers(*heard)
    bot.does_not_say(*unheard)
    assert town.parked() == 0


def test_going_back_after_several_answers_asks_the_last_of_them(
    guardian: Person, bot: Bot, town: Town
) -> None:
    guardian.says(f"{town.school_code}\nはい\n3年2組 12番")
    bot.answers("ほかにも")
    guardian.says("戻る")
    bot.answers("出席番号")
    guardian.says("戻る")
    bot.answers("お子さんの組")


def test_content_is_never_taken_apart(town: Town) -> None:
    teacher = town.staff("先生", Role.OPERATOR)
    for words in ("作成", "4", "1", "件名", "はい\n3年2組 12番\n完了"):
        teacher.says(words)
    Bot(teacher).answers("画像")
    teacher.says("なし いますぐ")
    Bot(teacher).answers("件名：件名\n\nはい\n3年2組 12番\n完了")
    assert teacher.dialogue() == "compose"


def test_a_wrong_id_beside_other_answers_counts_once(
    town: Town, guardian: Person, bot: Bot
) -> None:
    guardian.says("登録")
    for _ in range(4):
        guardian.says("2222-3333-4444 はい")
        bot.answers("使えません")
    guardian.says(f"{town.school_code} はい")
    bot.answers("お子さんの組")
