"""From the chat to the provider's page, in a real browser that holds us to our own policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from actions import linking, staff
from actions.linking import LinkBegun
from domain import paths
from domain.roles import Role
from domain.speech import Speech, open_page
from domain.wording import Plain
from storage import people
from storage.database import Database
from tests.databases import Clock
from tests.web.live import is_wider_than_screen, looking, served
from tests.web.test_join import CODE, CONTACT, apps
from tests.web.test_link import Linker
from tests.web.town import ADDRESS, Town, make_town

pytestmark = pytest.mark.needs("chromium")
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 568}, "has_touch": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}


class ProviderPage(BaseHTTPRequestHandler):
    """Where the provider would link the accounts."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<!doctype html><link rel="icon" href="data:,"><h1>Linked</h1>')

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def provider() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), ProviderPage)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def town(sqlite_database: Database, clock: Clock) -> Town:
    return make_town(sqlite_database, clock)


def path_of_link(town: Town) -> str:
    with town.database.writing() as tx:
        contact = people.contact_point(tx, town.board_id, "line", "line", "U1")
        invited = staff.invite(tx, town.board_id, Role.OPERATOR, town.school_id, "山田")
        assert isinstance(invited, staff.Invited)
        begun = linking.begin(tx, contact.id, invited.code)
    assert isinstance(begun, LinkBegun)
    return begun.path


def test_the_form_leads_on_to_the_provider(town: Town, chromium: Browser) -> None:
    path = path_of_link(town)
    with provider() as origin:
        line = Linker(name="line", answers_with=f"{origin}/dialog?linkToken=t")
        changes: dict[str, Any] = {"channels": {"line": line}, "link_origins": (origin,)}
        with served(town, **changes) as address, looking(chromium, address, **SMALL) as page:
            page.goto(address + path)
            assert not is_wider_than_screen(page)
            page.get_by_role("button", name="LINEで確認する").click()
            expect(page.get_by_role("heading", name="Linked")).to_be_visible()


def test_a_page_of_ours_is_a_link_in_the_chat(town: Town, chromium: Browser) -> None:
    town.speak(Speech((Plain("続きはこちら"),), (open_page(Plain("ページを開く"), "/m/abc"),)))
    with served(town) as address, looking(chromium, address, {"/chat/": ADDRESS}, **PHONE) as page:
        page.goto(f"{address}/chat/")
        link = page.get_by_role("link", name="ページを開く")
        expect(link).to_be_visible()
        expect(link).to_have_attribute("href", "/m/abc")
        expect(link).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize(("screen", "scans"), [(SMALL, False), (PHONE, False), (DESKTOP, True)])
def test_only_a_large_screen_has_codes_to_scan(
    town: Town, chromium: Browser, screen: dict[str, Any], scans: bool
) -> None:
    with (
        served(town, **apps(line="https://line.me/R/")) as address,
        looking(chromium, address, **screen) as page,
    ):
        page.goto(f"{address}/join/{CODE}")
        expect(page.get_by_role("link", name="LINEではじめる")).to_be_visible()
        expect(page.locator("svg.qr").first).to_be_visible(visible=scans)
        assert not is_wider_than_screen(page)


def test_a_code_in_the_fragment_fills_in_the_form(town: Town, chromium: Browser) -> None:
    asked: list[str] = []
    with (
        served(town, **apps(line="https://line.me/R/")) as address,
        looking(chromium, address, **PHONE) as page,
    ):
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + paths.join(CONTACT))
        begin = page.get_by_role("link", name="LINEではじめる")
        expect(begin).to_have_attribute("href", f"https://line.me/R/line?{CONTACT}")
        assert page.url == f"{address}/join/"
    assert not any("/join/C7" in url for url in asked)
