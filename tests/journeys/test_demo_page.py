"""The whole job played by hand on the demo's page: a real browser, worker and web server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from domain.wording import render, say
from settings import PREFIX
from tests.journeys.test_run import PATIENCE, wait
from tests.smtp_standin import free_port
from tests.web.live import browser

pytestmark = pytest.mark.needs("chromium")

SUBJECT = "雨天のため、下校を早めます"


@contextmanager
def _demo(folder: Path) -> Iterator[str]:
    """The demo with a small city, its story told, waiting for visitors."""
    port, said = free_port(), folder / "demo.out"
    environment = os.environ | {
        f"{PREFIX}VAR_DIR": str(folder / "var"),
        f"{PREFIX}LISTEN": f"127.0.0.1:{port}",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "app", "demo", "--guardians", "400"]
    with said.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{port}/demo"
            wait(lambda: url in said.read_text(), "the end of the story")
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


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


def test_a_visitor_plays_the_story_on_line_and_telegram(tmp_path: Path) -> None:
    with _demo(tmp_path) as url, browser() as chromium:
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
        principal.reads("承認しました")
        guardian.shows("メール")
        expect(guardian.frame.get_by_role("main")).to_contain_text("まだ届いていません")
        guardian.shows("LINE")
        guardian.reads(SUBJECT)
        expect(page.locator("#inbox")).to_contain_text(SUBJECT, timeout=PATIENCE * 1000)
        assert errors == []
