"""The slips and the poster: what stands on them, who gets them, and for how long."""

from __future__ import annotations

import itertools
import re

import pytest
from reportlab.pdfbase.ttfonts import TTFontFile

from actions import boards, child_codes, schools, staff
from domain import slip_layout as layout
from domain import slip_links
from domain.roles import Role
from domain.slip_layout import Frame, Qr, Slip, Words
from tests.databases import SECRET
from tests.web.town import Town
from web import slip_pages


def links(name: str, code: str) -> str | None:
    return f"https://{name}.example/{code}" if name in ("line", "telegram") else None


@pytest.fixture
def classes(town: Town) -> list[int]:
    with town.database.writing() as tx:
        made = [
            schools.add_group(tx, town.school_id, name, "class").id for name in ("1年1組", "1年2組")
        ]
        child_codes.make(tx, town.school_id, made, range(1, 10))
        schools.set_phone(tx, town.school_id, "０４８（９６３）０００１")
    return made


def path_for(town: Town, classes: list[int], role: Role = Role.OPERATOR) -> tuple[str, int]:
    with town.database.writing() as tx:
        invited = staff.invite(tx, town.board_id, role, town.school_id, "山田花子")
        assert isinstance(invited, staff.Invited)
        link = slip_links.path(SECRET, invited.staff_id, town.school_id, classes, tx.now)
    return link, invited.staff_id


def page_count(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_staff_get_the_slips_of_their_classes_for_an_hour(town: Town, classes: list[int]) -> None:
    path, staff_id = path_for(town, classes)
    client = town.client(None, link=links)
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert "no-store" in answer.headers["Cache-Control"]
    # Nine slips a class are two pages each: a class begins on a page of its own.
    assert page_count(answer.data) == 4
    assert client.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 410
    with town.database.writing() as tx:
        staff.end_role(tx, staff_id, Role.OPERATOR, town.school_id)
    ended = client.get(path)
    assert ended.status_code == 410
    assert "no-store" in ended.headers["Cache-Control"]


def test_the_link_is_over_after_an_hour(town: Town, classes: list[int]) -> None:
    path, _ = path_for(town, classes)
    town.clock.forward(minutes=59)
    assert town.client(None).get(path).status_code == 200
    town.clock.forward(minutes=1)
    answer = town.client(None).get(path)
    assert answer.status_code == 410
    assert "期限が切れました" in answer.text


def test_without_classes_the_link_shows_the_poster(town: Town) -> None:
    path, _ = path_for(town, [])
    with town.database.writing() as tx:
        schools.new_school_id(tx, town.school_id)
    answer = town.client(None, link=links).get(path)
    assert page_count(answer.data) == 1


def test_the_board_decides_which_codes_stand_on_a_slip(town: Town) -> None:
    with town.database.writing() as tx:
        settings = boards.settings(tx, town.board_id)
    ways = slip_pages.ways_by(links, settings, "https://r.example")("K7Q3-M9XP-4TWR")
    assert [way.label for way in ways] == ["LINE", "アプリなしで"]
    assert ways[-1].address == "https://r.example/join/K7Q3-M9XP-4TWR"
    with_telegram = slip_pages.ways_by(links, settings.changed(telegram=True), "")("X")
    assert [way.label for way in with_telegram] == ["LINE", "Telegram", "アプリなしで"]


LONG = "越谷市立北越谷東大袋第二特別支援学校小学部分教室"


def slip(number: int) -> Slip:
    return Slip(
        heading="学校からの連絡　登録のご案内",
        school=LONG,
        child=f"{LONG[:12]} {number}番",
        code_label="お子さまの登録コード  Your child’s registration code",
        code="WWWW-WWWW-WWWW",
        ways=tuple(layout.Way(name, name) for name in ("LINE", "Telegram", "メール", "web")),
        steps="使いたいものの二次元コードを読み取り、" * 4,
        steps_english="Scan the code of the app you use. " * 5,
        footer="期限：2027年12月31日    お問い合わせ：048-963-0001",
    )


def test_everything_stands_within_its_card_whatever_it_says() -> None:
    pages = layout.slip_pages([slip(number) for number in range(1, 18)], slip_pages.measure)
    assert [sum(isinstance(ink, Frame) for ink in page) for page in pages] == [8, 8, 1]
    [alone] = [pages[2]]
    for ink in alone:
        if isinstance(ink, Words):
            wide = slip_pages.measure(ink.text, ink.size)
            left = ink.x - {"start": 0.0, "middle": wide / 2, "end": wide}[ink.anchor]
            assert left >= layout.INSET - 0.1
            assert left + wide <= layout.CARD_WIDTH - layout.INSET + 0.1, ink.text
            assert layout.INSET < ink.y <= layout.CARD_HEIGHT - layout.INSET + 0.1, ink.text
        elif isinstance(ink, Qr):
            assert ink.x >= layout.INSET
            assert ink.x + ink.side <= layout.CARD_WIDTH - layout.INSET
    lines = sorted({round(ink.y, 2) for ink in alone if isinstance(ink, Words)})
    gaps = [below - above for above, below in itertools.pairwise(lines)]
    assert min(gaps[3:]) > 1.8, "lines run into each other"


def test_lines_break_between_words_and_never_before_a_full_stop() -> None:
    def measure(text: str, size: float) -> float:
        return len(text) * size

    assert layout.wrapped("学校です。はい", 4, 1, measure) == ["学校で", "す。はい"]
    assert layout.wrapped("one two three", 7, 1, measure) == ["one two", "three"]


def test_the_font_has_every_character_of_the_japanese_standard() -> None:
    """JIS X 0208, levels 1 and 2, and what addresses and English texts need besides."""
    known = TTFontFile(str(slip_pages.FONT)).charToGlyph
    rows = range(0x21, 0x7F)
    found = [_of_jis(row, cell) for row in rows for cell in rows]
    characters = [each for each in found if each]
    assert len(characters) == 6879
    wanted = [*characters, *"’“”–①②髙﨑", *map(chr, range(0x20, 0x7F))]
    assert [each for each in wanted if ord(each) not in known] == []
    assert slip_pages.FONT.with_name("OFL.txt").read_text().startswith("Copyright 2022 The BIZ UD")
    assert slip_pages.FONT.stat().st_size < 5_000_000


def _of_jis(row: int, cell: int) -> str:
    try:
        return bytes([0x1B, 0x24, 0x42, row, cell, 0x1B, 0x28, 0x42]).decode("iso2022_jp")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("row", [[1, 1, 0, 1], [0, 1, 1, 1], [0, 0], [1], [1, 0, 1, 0]])
def test_each_row_of_a_code_is_drawn_as_it_is(row: list[int]) -> None:
    drawn = [0] * len(row)
    for start, length in slip_pages.dark_runs(row):
        drawn[start : start + length] = [1] * length
    assert drawn == row
