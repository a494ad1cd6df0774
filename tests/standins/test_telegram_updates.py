"""How the Telegram stand-in hands out updates, over real HTTP, to a webhook on loopback."""

import json
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.telegram_standin import TelegramStandin, telegram_standin

NAME = "https://renraku.example"
URL = f"{NAME}/hooks/telegram"
Answer = tuple[int, dict[str, str], bytes]


def always(
    status: int, headers: dict[str, str] | None = None, body: bytes = b""
) -> Callable[[dict[str, Any]], Answer]:
    """Answer every update in the same way."""

    def answer(update: dict[str, Any]) -> Answer:
        return status, headers or {}, body

    return answer


class Hook:
    """A webhook on loopback: it keeps what came, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.answer = always(200)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                update = json.loads(body)
                secret = self.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
                hook.requests.append((self.path, secret, update))
                status, headers, answer = hook.answer(update)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(answer))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [update for _, _, update in self.requests]

    def texts(self) -> list[str]:
        return [u["message"]["text"] for u in self.updates if "message" in u]

    def forget(self) -> None:
        self.requests.clear()
        self.answer = always(200)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[TelegramStandin, Hook]]:
    hook = Hook()
    port = hook.server.server_address[1]
    with telegram_standin(f"--map={NAME}=http://127.0.0.1:{port}") as standin:
        yield standin, hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def telegram(running: tuple[TelegramStandin, Hook]) -> TelegramStandin:
    running[0].reset()
    return running[0]


@pytest.fixture
def hook(telegram: TelegramStandin, running: tuple[TelegramStandin, Hook]) -> Hook:
    running[1].forget()
    assert telegram.result("setWebhook", url=URL, secret_token="s3-_Z")
    return running[1]


def test_an_update_with_its_secret(telegram: TelegramStandin, hook: Hook) -> None:
    done = telegram.act(7, "follow", text="abc")
    assert done["status"] == 200
    path, secret, update = hook.requests[0]
    assert (path, secret, update["update_id"]) == ("/hooks/telegram", "s3-_Z", done["event"])
    message = update["message"]
    assert (message["chat"]["id"], message["text"]) == (7, "/start abc")
    assert telegram.stats()["webhooks"]["pending"] == 0


def test_block_and_unblock(telegram: TelegramStandin, hook: Hook) -> None:
    telegram.people(7)
    telegram.act(7, "block")
    assert telegram.act(7, "block") == {"event": None, "status": None}
    with pytest.raises(urllib.error.HTTPError, match="400"):
        telegram.act(7, "says", text="a")
    telegram.act(7, "follow")
    telegram.wait(lambda stats: stats["webhooks"]["sent"] == 3)
    changes = [u["my_chat_member"]["new_chat_member"] for u in hook.updates if "message" not in u]
    assert [change["status"] for change in changes] == ["kicked", "member"]
    assert hook.texts() == ["/start"]
    telegram.act(7, "block", silent=True)
    assert telegram.call("sendMessage", chat_id=7, text="a")["error_code"] == 403


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({"url": "http://renraku.example/x"}, "An HTTPS URL must be provided for webhook"),
        ({"url": "https://127.0.0.1/x"}, "IP address 127.0.0.1 is reserved"),
        (
            {"url": "https://other.example:8444/x"},
            "Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        (
            {"url": "https://other.example/x"},
            "Failed to resolve host: Name or service not known",
        ),
    ],
)
def test_where_no_webhook_can_be(
    telegram: TelegramStandin, parameters: dict[str, str], description: str
) -> None:
    answer = telegram.call("setWebhook", **parameters)
    assert answer["description"] == f"Bad Request: bad webhook: {description}"


@pytest.mark.parametrize("secret", ["a b", "あ", "x" * 257])
def test_secrets_that_are_none(telegram: TelegramStandin, secret: str) -> None:
    assert telegram.call("setWebhook", url=URL, secret_token=secret)["error_code"] == 400


def test_what_is_known_of_the_webhook(telegram: TelegramStandin, hook: Hook) -> None:
    again = telegram.call("setWebhook", url=URL, max_connections=500)
    assert again["description"] == "Webhook is already set"
    hook.answer = always(503, {"Retry-After": "30"})
    assert telegram.act(7, "says", text="a")["status"] == 503
    info = telegram.result("getWebhookInfo")
    assert (info["url"], info["max_connections"], info["pending_update_count"]) == (URL, 100, 1)
    words = "Wrong response from the webhook: 503 Service Unavailable"
    assert info["last_error_message"] == words
    gone = telegram.call("deleteWebhook", drop_pending_updates=True)
    assert gone["description"] == "Webhook was deleted"
    assert telegram.result("getWebhookInfo")["pending_update_count"] == 0
    assert telegram.call("deleteWebhook")["description"] == "Webhook is already deleted"


def test_an_update_is_tried_again_with_pauses(telegram: TelegramStandin, hook: Hook) -> None:
    telegram.stop_clock()
    hook.answer = always(500)
    telegram.act(7, "says", text="a")
    telegram.wait(lambda stats: stats["webhooks"]["failed"] == 2)  # the second try is at once
    telegram.act(8, "says", text="b")  # nobody else waits for it
    telegram.wait(lambda stats: stats["webhooks"]["failed"] == 4)
    hook.answer = always(200)
    telegram.advance(2)
    telegram.wait(lambda stats: stats["webhooks"]["pending"] == 0)
    assert sorted(hook.texts()) == ["a"] * 3 + ["b"] * 3


def test_an_update_is_kept_for_a_day(telegram: TelegramStandin, hook: Hook) -> None:
    hook.answer = always(500, {"Retry-After": "3000"})
    telegram.act(7, "says", text="a")
    telegram.advance(86_401)
    telegram.wait(lambda stats: stats["webhooks"]["dropped"] == 1)
    assert telegram.result("getWebhookInfo")["pending_update_count"] == 0


def test_one_chat_waits_and_others_do_not(telegram: TelegramStandin, hook: Hook) -> None:
    free = threading.Event()

    def answer(update: dict[str, Any]) -> Answer:
        if update["message"]["text"] == "first":
            free.wait(5)
        return 200, {}, b""

    hook.answer = answer
    with ThreadPoolExecutor() as pool:
        first = pool.submit(telegram.act, 7, "says", text="first")
        while "first" not in hook.texts():
            time.sleep(0.005)
        second = pool.submit(telegram.act, 7, "says", text="second")
        assert telegram.act(8, "says", text="other")["status"] == 200
        assert hook.texts() == ["first", "other"]
        free.set()
        assert (first.result()["status"], second.result()["status"]) == (200, 200)
    assert hook.texts() == ["first", "other", "second"]


def test_duplicates_and_another_order(telegram: TelegramStandin, hook: Hook) -> None:
    telegram.disturb(duplicates=1)
    telegram.act(7, "says", text="twice")
    assert hook.texts() == ["twice", "twice"]
    telegram.disturb(duplicates=0, reorder=True)
    texts = [str(number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: telegram.act(7, "says", text=text), texts))
    assert sorted(hook.texts()[2:]) == texts


def test_only_what_was_allowed_is_sent(telegram: TelegramStandin, hook: Hook) -> None:
    telegram.result("setWebhook", url=URL, allowed_updates=json.dumps(["callback_query", "poll"]))
    assert telegram.act(7, "says", text="a") == {"event": None, "status": None}
    assert telegram.result("getWebhookInfo")["allowed_updates"] == ["callback_query", "poll"]


def press_me(telegram: TelegramStandin) -> None:
    telegram.people(7)
    button = {"inline_keyboard": [[{"text": "はい", "callback_data": "yes"}]]}
    telegram.result("sendMessage", chat_id=7, text="?", reply_markup=button)


def test_a_press_is_answered_in_the_webhooks_answer(telegram: TelegramStandin, hook: Hook) -> None:
    def answer(update: dict[str, Any]) -> Answer:
        query = {"callback_query_id": update["callback_query"]["id"], "text": "受け付けました"}
        body = json.dumps({"method": "answerCallbackQuery", **query}).encode()
        return 200, {"Content-Type": "application/json"}, body

    press_me(telegram)
    hook.answer = answer
    done = telegram.act(7, "presses", label="はい")
    assert (done["status"], done["answered"]) == (200, True)
    assert telegram.chat(7)[-1]["messages"][0]["text"] == "受け付けました"
    assert telegram.stats()["callbacks"] == {"answered": 1, "unanswered": 0}


def test_the_webhooks_answer_cannot_take_it_away(telegram: TelegramStandin, hook: Hook) -> None:
    hook.answer = always(200, body=b'{"method": "deleteWebhook"}')
    telegram.act(7, "says", text="a")
    assert telegram.result("getWebhookInfo")["url"] == URL


def test_a_press_grows_old(telegram: TelegramStandin, hook: Hook) -> None:
    press_me(telegram)
    assert telegram.act(7, "presses", data="yes", wait=0)["answered"] is False
    query = hook.updates[-1]["callback_query"]
    assert (query["data"], query["message"]["text"]) == ("yes", "?")
    telegram.advance(16)
    for number in (query["id"], "1"):
        answer = telegram.call("answerCallbackQuery", callback_query_id=number)
        assert answer["description"] == (
            "Bad Request: query is too old and response timeout expired or query ID is invalid"
        )
    assert telegram.stats()["callbacks"] == {"answered": 0, "unanswered": 1}


def test_long_polling(telegram: TelegramStandin) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(telegram.result, "getUpdates", timeout=50)
        telegram.act(7, "sends-sticker")
        first = waiting.result()[0]
    assert first["message"]["sticker"]["type"] == "regular"
    telegram.act(7, "says", text="b")
    assert [u["update_id"] for u in telegram.result("getUpdates", limit=1)] == [first["update_id"]]
    (last,) = telegram.result("getUpdates", offset=first["update_id"] + 1)
    assert last["message"]["text"] == "b"
    assert telegram.result("getUpdates", offset=-1) == [last]
    assert telegram.result("getUpdates", offset=last["update_id"] + 1) == []


def test_a_poll_ends_with_its_time(telegram: TelegramStandin) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(telegram.result, "getUpdates", timeout=50)
        while not waiting.done():
            telegram.advance(50)
        assert waiting.result() == []


def test_one_poll_at_a_time(telegram: TelegramStandin) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(telegram.call, "getUpdates", timeout=50)
        while not first.done():
            telegram.call("getUpdates")
        assert first.result()["description"].startswith("Conflict: terminated by other getUpdates")


def test_no_poll_beside_a_webhook(telegram: TelegramStandin, hook: Hook) -> None:
    answer = telegram.call("getUpdates")
    assert (answer["error_code"], answer["description"]) == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first",
    )


def test_what_waited_is_sent_when_the_webhook_comes(
    telegram: TelegramStandin, running: tuple[TelegramStandin, Hook]
) -> None:
    hook = running[1]
    hook.forget()
    telegram.act(7, "says", text="early")
    telegram.result("setWebhook", url=URL)
    telegram.wait(lambda stats: stats["webhooks"]["pending"] == 0)
    assert hook.texts() == ["early"]
