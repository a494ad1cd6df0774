"""A town whose pages are served on a real port, and a browser to look at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.needs import chromium_path
from tests.web.town import Town

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Quiet(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(town: Town, **changes: Any) -> Iterator[str]:
    """The address under which the town's pages are served."""
    server = make_server("127.0.0.1", 0, town.app(**changes), True, request_handler=Quiet)
    # Looking often whether it is to end; by itself it looks twice a second.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def looking(
    chromium: Browser, address: str, cookies: dict[str, str] | None = None, **options: Any
) -> Iterator[Page]:
    """A page in a context of its own; anything the browser complains about is an error.

    `cookies` maps the path of a chat to the address its cookie holds.
    """
    context = chromium.new_context(locale="ja-JP", timezone_id="Asia/Tokyo", **options)
    give_cookies(context, address, cookies or {})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: _note(complaints, message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints


def give_cookies(context: BrowserContext, address: str, cookies: dict[str, str]) -> None:
    for path, value in cookies.items():
        host = address.split("//")[1].split(":")[0]
        context.add_cookies([{"name": "chat", "value": value, "domain": host, "path": path}])


def _note(complaints: list[str], kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        complaints.append(text)


def is_wider_than_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
