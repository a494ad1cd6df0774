"""The whole job played by hand on the demo's page: a real browser, worker and web server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from domain.wording import render, say
from settings import PREFIX
from storage.database import Database
from tests import needs
from tests.databases import Clock
from tests.journeys.test_pages import least_contrast, too_small
from tests.journeys.test_run import PATIENCE
from tests.smtp_standin import free_port
from tests.web.live import is_wider_than_screen, looking, served
from tests.web.test_demo_phones import FakePhone, entry, mail
from tests.web.town import ADDRESS, make_town

needs_chromium = pytest.mark.needs("chromium")
SUBJECT = "雨天のため、下校を早めます"


@contextmanager
def _demo(folder: Path) -> Iterator[str]:
    """The demo in a small city, its story told, waiting for visitors; Ctrl-C ends it well."""
    port, said = free_port(), folder / "demo.out"
    environment = os.environ | {
        f"{PREFIX}VAR_DIR": str(folder / "var"),
        f"{PREFIX}LISTEN": f"127.0.0.1:{port}",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "app", "demo", "--guardians", "1400"]
    command += ["--json", str(folder / "report.json")]
    with said.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{port}/demo"
            while url not in said.read_text():
                assert process.poll() is None, said.read_text()
                time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(PATIENCE)
    assert status == 0, said.read_text()


class Phone:
    """One of the three phones, used as a visitor does."""

    def __init__(self, page: Page, name: str) -> None:
        self.side: Locator = page.locator(f"#phone-{name}")
        self.frame: FrameLocator = page.frame_locator(f"#phone-{name} iframe")

    def shows(self, app: str) -> None:
        """Switch to another app, by keyboard or finger."""
        self.side.get_by_label(app).check(force=True)
        self.frame.locator("body").wait_for()

    def says(self, text: str) -> None:
        box = self.frame.get_by_role("textbox")
        box.fill(text)
        box.press("Enter")

    def taps(self, key: str) -> None:
        """Press the newest open button with this text of the catalogue."""
        label = render(say(key), "ja")
        buttons = self.frame.get_by_role("button", name=label, disabled=False)
        expect(buttons.last).to_be_visible(timeout=PATIENCE * 1000)
        buttons.last.click()

    def reads(self, words: str) -> None:
        expect(self.frame.get_by_role("log")).to_contain_text(words, timeout=PATIENCE * 1000)


def _guardian_registers(page: Page) -> Phone:
    guardian = Phone(page, "guardian")
    page.locator("button.suggestion").first.click()
    guardian.taps("bot.yes")
    guardian.reads("何年生")
    guardian.says("3-2")
    guardian.taps("register.skip_number")
    guardian.taps("bot.no")
    guardian.reads("部活動")
    guardian.says("完了")
    guardian.taps("register.confirm.yes")
    guardian.reads("登録しました")
    guardian.taps("register.skip")
    guardian.reads("いまの登録内容です")
    return guardian


def _teacher_composes(page: Page) -> None:
    teacher = Phone(page, "teacher")
    teacher.says("作成")
    teacher.taps("broadcast.purpose.event")
    teacher.reads("だれに送りますか")
    teacher.says("1")
    teacher.reads("件名を送って")
    teacher.says(SUBJECT)
    teacher.reads("本文を送って")
    teacher.says("本日は13時に下校します。")
    teacher.taps("compose.no_images")
    teacher.taps("compose.now")
    teacher.taps("compose.next.submit")


@pytest.mark.timeout(280)
def test_the_demo_tells_its_story_and_a_visitor_plays_it_too(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with _demo(tmp_path) as url:
        _counts_clean(json.loads((tmp_path / "report.json").read_text()))
        missing = needs.missing("chromium")
        if missing is not None:
            pytest.skip(f"the visitor needs chromium: {missing}")
        _visitor_plays(request.getfixturevalue("chromium"), url)


def _counts_clean(counted: dict[str, Any]) -> None:
    assert set(counted) == {"seconds", "families", "channels"}
    channels = counted["channels"]
    assert sorted(channels) == ["email", "line", "telegram"]
    # Twenty have blocked us on Telegram unnoticed, and are reached by mail.
    assert {name: line["refused"] for name, line in channels.items()} == {
        "email": 0,
        "line": 0,
        "telegram": 20,
    }
    for line in channels.values():
        assert set(line) == {"recipients", "accepted", "refused", "unknown", "lost", "doubled"}
        assert line["accepted"] == line["recipients"] - line["refused"]
        assert (line["lost"], line["doubled"]) == (0, 0)
    assert counted["families"]["not_reached"] == 0


def _visitor_plays(chromium: Browser, url: str) -> None:
    """On LINE and on Telegram, by hand."""
    page = chromium.new_page(locale="ja-JP", viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(url)
    guardian = _guardian_registers(page)
    _teacher_composes(page)
    principal = Phone(page, "principal")
    principal.reads(SUBJECT)
    principal.taps("broadcast.card.approve")
    guardian.reads(SUBJECT)
    principal.shows("ウェブチャット")
    principal.reads(f"「{SUBJECT}」の送信が終わりました")
    guardian.shows("メール")
    expect(guardian.frame.get_by_role("main")).to_contain_text("まだ届いていません")
    guardian.shows("LINE")
    guardian.reads(SUBJECT)
    expect(page.locator("#inbox")).to_contain_text(SUBJECT, timeout=PATIENCE * 1000)
    page.close()
    assert errors == []


LOOKS = {look: f"/demo/phones/guardian/{look}/" for look in ("line", "telegram", "email")}
SIZES = ((320, 568), (360, 740), (1280, 800))


def _stage() -> dict[str, Any]:
    """A guardian whose chats hold everything that is drawn."""
    phone = FakePhone([_own(entry(1, "登録")), _question(entry(2)), _card(entry(3, ""))])
    return {
        "demo": True,
        "demo_phones": {"guardian": ADDRESS},
        "demo_looks": {"guardian": {"line": phone, "telegram": phone}},
        "demo_mail": {"guardian": lambda: [mail(2), mail(1)]},
        "demo_shows": {"guardian": "line"},
    }


def _own(shown: dict[str, Any]) -> dict[str, Any]:
    return shown | {"kind": "own", "state": "sent"}


def _question(shown: dict[str, Any]) -> dict[str, Any]:
    labels = ("はい", "とても長い名前のクラス（特別支援学級をふくむ）の三年二組")
    return shown | {"buttons": [_button(label, is_card=False) for label in labels]}


def _card(shown: dict[str, Any]) -> dict[str, Any]:
    page = _button("本文を見る", is_card=True) | {"href": "/m/abc"}
    return shown | {"buttons": [_button("承認", is_card=True), page]}


def _button(label: str, is_card: bool) -> dict[str, Any]:
    return {"label": label, "token": "abc", "number": None, "card": is_card, "href": ""}


@needs_chromium
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_every_look_fits_and_is_readable(
    sqlite_database: Database, clock: Clock, chromium: Browser, size: tuple[int, int]
) -> None:
    town = make_town(sqlite_database, clock)
    options: dict[str, Any] = {"viewport": {"width": size[0], "height": size[1]}}
    with (
        served(town, **_stage()) as address,
        looking(chromium, address, **options) as page,
    ):
        for path in ("/demo", *LOOKS.values()):
            page.goto(address + path)
            page.wait_for_timeout(300)
            assert not is_wider_than_screen(page), path
            assert too_small(page) == [], path
            assert least_contrast(page) >= 4.5, path


@needs_chromium
def test_quick_replies_vanish_in_line_and_keyboards_stay_in_telegram(
    sqlite_database: Database, clock: Clock, chromium: Browser
) -> None:
    town = make_town(sqlite_database, clock)
    with (
        served(town, **_stage()) as address,
        looking(chromium, address) as page,
    ):
        page.goto(address + LOOKS["line"])
        expect(page.get_by_role("button", name="承認")).to_be_visible()
        expect(page.get_by_role("button", name="はい")).to_be_hidden()
        page.goto(address + LOOKS["telegram"])
        expect(page.get_by_role("button", name="承認")).to_be_visible()
        expect(page.get_by_role("link", name="本文を見る")).to_be_visible()


@needs_chromium
def test_the_app_is_switched_by_keyboard_and_a_line_leaves_the_mailbox(
    sqlite_database: Database, clock: Clock, chromium: Browser
) -> None:
    town, stage = make_town(sqlite_database, clock), _stage()
    with (
        served(town, demo_mail_address="hana@mail.example", **stage) as address,
        looking(chromium, address) as page,
    ):
        page.goto(f"{address}/demo")
        guardian = Phone(page, "guardian")
        guardian.side.get_by_label("LINE").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect(guardian.side.get_by_label("メール")).to_be_checked()
        expect(guardian.frame.locator("details")).to_have_count(2)
        page.locator("button.suggestion").first.click()
        expect(guardian.side.get_by_label("LINE")).to_be_checked()
        expect(guardian.frame.locator(".own").first).to_be_visible()
    assert stage["demo_looks"]["guardian"]["line"].did == [("says", "hana@mail.example")]
