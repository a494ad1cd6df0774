"""The pages as people meet them: in a real browser, by finger and by keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from domain.cards import CardRef, CardVerb, card_token
from domain.speech import Speech, SpeechButton, speak
from domain.wording import Plain
from storage import inbox
from storage.database import Database
from storage.inbox import InboxItem
from storage.tables import Delivery, OptOut, Reply
from tests.databases import SECRET, Clock
from tests.web.live import is_wider_than_screen, looking, served
from tests.web.town import ADDRESS, SUBJECT, Town, jpeg, make_town

pytestmark = pytest.mark.needs("chromium")
MINE = {"/chat/": ADDRESS}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 568}}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
SENDER = {"mail_from": "renraku@renrakumo.city.koshigaya.example.jp"}


@pytest.fixture
def town(sqlite_database: Database, clock: Clock) -> Town:
    return make_town(sqlite_database, clock)


def heard(town: Town) -> InboxItem:
    """What reached the inbox next."""
    with town.database.writing() as tx:
        item = inbox.open_item(tx, inbox.claim_heads(tx)[0])
        inbox.finish(tx, [item.id])
    return item


def question(*labels: str) -> Speech:
    buttons = tuple(SpeechButton(Plain(label), f"token-{len(label)}") for label in labels)
    return Speech((Plain("どちらですか？"),), buttons, numbered=True)


def card() -> Speech:
    token = card_token(SECRET, CardRef(1, 1, 7), CardVerb.APPROVE)
    return Speech((Plain("お願いします"),), (SpeechButton(Plain("承認"), token),))


def test_a_conversation_by_keyboard(town: Town, chromium: Browser) -> None:
    with served(town) as address, looking(chromium, address, MINE, **DESKTOP) as page:
        page.goto(f"{address}/chat/")
        box = page.get_by_label("メッセージを入力")
        box.focus()
        page.keyboard.type("こんにちは")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("はじめまして")
        page.keyboard.press("Enter")
        expect(page.locator(".own.sent")).to_have_count(1)
        expect(page.locator(".dots")).to_be_visible()
        assert heard(town).text == "こんにちは\nはじめまして"
        town.clock.forward(seconds=1)
        town.speak(question("はい", "いいえ"))
        yes = page.get_by_role("button", name="はい")
        expect(yes).to_be_visible()
        expect(page.locator(".dots")).to_have_count(0)
        expect(box).to_be_focused()
        yes.focus()
        page.keyboard.press("Enter")
        expect(yes).to_be_disabled()
        expect(page.locator(".own.sent")).to_have_count(2)
        assert heard(town).kind == "button"
        assert page.get_by_role("log").get_attribute("aria-live") == "polite"


def test_what_one_said_is_there_after_a_reload(town: Town, chromium: Browser) -> None:
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        page.goto(f"{address}/chat/")
        page.get_by_role("button", name="メニュー").click()
        expect(page.locator(".own.sent")).to_have_count(1)
        town.clock.forward(seconds=1)
        town.speak(speak(Plain("メニューです")))
        expect(page.get_by_text("メニューです")).to_be_visible()
        page.reload()
        lines = page.locator(".log .line .written")
        expect(lines).to_have_count(3)
        assert lines.all_inner_texts()[1:] == ["メニュー", "メニューです"]


def test_what_was_displayed_is_reported(town: Town, chromium: Browser) -> None:
    town.send(pictures=1)
    town.speak(speak(Plain("こんにちは")))
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        with page.expect_response("**/chat/seen") as reported:
            page.goto(f"{address}/chat/")
        assert reported.value.status == 204
        expect(page.get_by_role("heading", name=SUBJECT)).to_be_visible()
        expect(page.get_by_role("link", name="本文を見る")).to_be_visible()
        page.get_by_text("こんにちは").scroll_into_view_if_needed()
        page.wait_for_timeout(800)
    with town.database.reading() as tx:
        assert tx.session.scalars(select(Delivery.state)).all() == ["accepted"]
        assert tx.session.scalars(select(Reply.state)).all() == ["done"]


def test_a_photo_is_made_smaller_and_sent(town: Town, chromium: Browser) -> None:
    photo = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": jpeg(3000, 2000)}
    town.hires()
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        page.goto(f"{address}/chat/")
        page.set_input_files("#picture", photo)  # type: ignore[arg-type]
        expect(page.locator(".own.sent img")).to_have_count(1)
    item = heard(town)
    assert item.kind == "picture"
    assert 0 < len(item.picture) < len(jpeg(3000, 2000))


def test_a_line_that_did_not_arrive_can_be_sent_again(town: Town, chromium: Browser) -> None:
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        page.goto(f"{address}/chat/")
        page.route("**/chat/say", lambda route: route.fulfill(status=202, body="half an ans"))
        page.get_by_label("メッセージを入力").fill("届きますか")
        page.get_by_role("button", name="送信").click()
        again = page.get_by_role("button", name="もう一度送る")
        expect(again).to_be_visible()
        page.unroute("**/chat/say")
        again.click()
        expect(page.locator(".own.sent")).to_have_count(1)
    assert heard(town).text == "届きますか"


def test_a_card_stays_open_while_a_question_closes(town: Town, chromium: Browser) -> None:
    town.speak(card())
    town.clock.forward(seconds=1)
    town.speak(question("はい"))
    town.clock.forward(seconds=1)
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        page.goto(f"{address}/chat/")
        expect(page.get_by_role("button", name="はい")).to_be_enabled()
        page.get_by_role("button", name="メニュー").click()
        expect(page.get_by_role("button", name="はい")).to_be_disabled()
        expect(page.get_by_role("button", name="承認")).to_be_enabled()


def test_joining_by_link_takes_one_tap(town: Town, chromium: Browser) -> None:
    with served(town) as address, looking(chromium, address, MINE, **PHONE) as page:
        page.goto(f"{address}/join/k7q3m9xp4twr")
        begin = page.get_by_role("button", name="はじめる")
        expect(begin).to_be_in_viewport()
        begin.click()
        expect(page.locator(".own.sent")).to_have_count(1)
        assert page.url == f"{address}/chat/"
    assert heard(town).text == "K7Q3-M9XP-4TWR"


def test_leaving_and_coming_back(town: Town, chromium: Browser) -> None:
    with served(town) as address, looking(chromium, address, **PHONE) as page:
        page.goto(address + town.path("u", "leave", town.contact_id, town.school_id))
        page.get_by_role("button", name="受け取りを止める").click()
        expect(page.get_by_role("heading", name="お知らせを止めました")).to_be_visible()
        with town.database.reading() as tx:
            assert tx.session.scalars(select(OptOut.school_id)).all() == [town.school_id]
        page.get_by_role("button", name="元に戻す").click()
        expect(page.get_by_text("これまでどおり届きます")).to_be_visible()


def test_three_phones_are_three_people(town: Town, chromium: Browser) -> None:
    phones = {"guardian": ADDRESS, "teacher": "B" * 43, "principal": "C" * 43}
    stage: dict[str, Any] = {"demo": True, "demo_phones": phones, "demo_school_id": "ABCD"}
    with served(town, **stage) as address, looking(chromium, address, **DESKTOP) as page:
        page.goto(f"{address}/demo")
        page.locator('[data-to="guardian"]').first.click()
        guardian = page.frame_locator("#phone-guardian iframe")
        expect(guardian.locator(".own.sent")).to_have_count(1)
        page.locator('[data-to="teacher"]').first.click()
        teacher = page.frame_locator("#phone-teacher iframe")
        expect(teacher.locator(".own.sent")).to_have_count(1)
        expect(guardian.locator(".own.sent")).to_have_count(1)
    assert [heard(town).sender for _ in range(2)] == [ADDRESS, "B" * 43]


@pytest.mark.parametrize("size", [SMALL, PHONE, DESKTOP], ids=["320", "390", "1280"])
def test_every_page_fits_and_is_readable(
    town: Town, chromium: Browser, size: dict[str, Any]
) -> None:
    number = town.send(pictures=2)
    town.speak(question("とても長い名前のクラス（特別支援学級をふくむ）", "2年1組"))
    paths = [
        "/chat/",
        town.path("m", "page", number),
        town.path("u", "leave", town.contact_id, town.school_id),
        "/guide/softbank",
        "/demo",
    ]
    stage: dict[str, Any] = {"demo": True, "demo_phones": {"guardian": ADDRESS}, **SENDER}
    with served(town, **stage) as address, looking(chromium, address, MINE, **size) as page:
        for path in paths:
            for language in ("ja", "en"):
                page.goto(f"{address}{path}?lang={language}")
                page.wait_for_timeout(150)
                assert not is_wider_than_screen(page), path
                assert too_small(page) == [], path
                assert least_contrast(page) >= 4.5, path


def test_a_guide_prints_on_one_sheet_and_its_domain_is_copied(
    town: Town, chromium: Browser
) -> None:
    with served(town, **SENDER) as address, looking(chromium, address, **DESKTOP) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        for name in ("docomo", "softbank"):  # the longest
            for language in ("ja", "en"):
                page.goto(f"{address}/guide/{name}?lang={language}")
                sheets = re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True))
                assert len(sheets) == 1, f"{name} in {language}"
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == "renrakumo.city.koshigaya.example.jp"


def too_small(page: Page) -> list[str]:
    """What a finger must hit and is lower than 44 px."""
    found: list[str] = page.evaluate(
        """() => Array.from(document.querySelectorAll("button, .button, .tongue, textarea"))
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5)
            .map((one) => one.outerHTML)"""
    )
    return found


def least_contrast(page: Page) -> float:
    """The lesser of the contrasts by day and by night."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found.append(contrast(page))
    return min(found)


def contrast(page: Page) -> float:
    """The contrast of the page's text on its ground, as WCAG counts it."""
    ink, ground = page.evaluate(
        """() => ["color", "backgroundColor"].map(
            (what) => getComputedStyle(document.body)[what].match(/[0-9]+/g).map(Number))"""
    )
    light, dark = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[int]) -> float:
    parts = [part / 255 for part in colour[:3]]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_without_script_the_chat_says_what_to_do(town: Town, chromium: Browser) -> None:
    with served(town) as address:
        context = chromium.new_context(java_script_enabled=False, locale="ja-JP")
        page = context.new_page()
        page.goto(f"{address}/chat/")
        expect(page.get_by_text("JavaScript を有効に")).to_be_visible()
        context.close()
