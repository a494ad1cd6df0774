"""The LINE stand-in's crowd, against a bot of a few lines."""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from tests.line_standin import TOKEN, LineStandin
from tests.standins.line_bot import Bot, line_bot

ASKED = {
    "登録": "何組ですか。",
    "3年2組": "出席番号をお送りください。",
    "12": "登録しました。",
}
REGISTRATION = ["登録", {"when": [["組", "3年2組"], ["番号", "12"]], "end": "登録しました"}]


@pytest.fixture
def bot(line: LineStandin) -> Iterator[Bot]:
    with line_bot() as bot:
        line.webhook(url=bot.url)
        yield bot


class Answering:
    """Answers each text once, by reply or push, in a thread of its own."""

    def __init__(self, line: LineStandin, words: Callable[[str], str], via: str = "reply") -> None:
        self._line, self._words, self._via = line, words, via
        self._queue: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.seen: Counter[str] = Counter()
        self.texts: list[str] = []
        threading.Thread(target=self._work, daemon=True).start()

    def __call__(self, event: dict[str, Any]) -> None:
        if event["type"] == "message" and isinstance(event["message"], dict):
            self._queue.put(event)

    def _work(self) -> None:
        while True:
            event = self._queue.get()
            self.seen[event["webhookEventId"]] += 1
            words = self._words(event["message"]["text"])
            if self.seen[event["webhookEventId"]] == 1 and words:
                self.texts.append(event["message"]["text"])
                self._say(event, words)

    def _say(self, event: dict[str, Any], words: str) -> None:
        body: dict[str, Any] = {"messages": [{"type": "text", "text": words}]}
        if self._via == "reply":
            body["replyToken"] = event["replyToken"]
        else:
            body["to"] = event["source"]["userId"]
        url = f"{self._line.url}/v2/bot/message/{self._via}"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=5).close()


def crowd(line: LineStandin, **order: Any) -> None:
    line.control("POST", "/crowd", {"rate": 1000, **order})


def done(line: LineStandin) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while not (report := line.control("GET", "/crowd"))["done"]:
        assert time.monotonic() < deadline, report
        time.sleep(0.01)
    return dict(report)


def test_everybody_says_the_script_line_by_line(line: LineStandin, bot: Bot) -> None:
    bot.heard = answering = Answering(line, lambda text: f"{text}ですね")
    values = [{"code": f"c{n}"} for n in range(20)]
    crowd(line, people=20, script=["{n} a", "{code}", "c"], values=values)
    report = done(line)
    assert (report["started"], report["finished"], report["stuck"]) == (20, 20, 0)
    assert report["replies_by"] == {"reply": 60, "push": 0}
    assert report["refused"] == 0
    assert Counter(answering.texts) == Counter(
        {"c": 20} | {f"{n} a": 1 for n in range(20)} | {f"c{n}": 1 for n in range(20)}
    )
    for figures in (report["acknowledgement"], report["reply"]):
        assert 0 < figures["p50"] <= figures["p99"] <= figures["max"]


def test_a_choice_answers_what_the_bot_asks(line: LineStandin, bot: Bot) -> None:
    bot.heard = Answering(line, ASKED.__getitem__, via="push")
    crowd(line, people=5, script=REGISTRATION)
    report = done(line)
    assert report["finished"] == 5
    assert report["replies_by"] == {"reply": 0, "push": 15}


def test_duplicates_garbage_and_several_people_in_a_call(line: LineStandin, bot: Bot) -> None:
    bot.heard = answering = Answering(line, ASKED.__getitem__)
    order = {"duplicates": 1.0, "garbage": 1.0, "several": 1.0}
    crowd(line, people=30, script=REGISTRATION, **order)
    report = done(line)
    assert report["finished"] == 30
    assert len(answering.seen) == 90
    assert report["webhooks"] < 90
    line.wait(lambda stats: stats["webhooks"]["sent"] >= 3 * report["webhooks"])
    report = line.control("GET", "/crowd")
    assert report["duplicates"] == report["webhooks"]
    assert report["garbage"]["sent"] == report["webhooks"]
    assert sum(1 for _raw, fine in bot.calls if not fine) == sum(
        count
        for kind, count in report["garbage"]["statuses"].items()
        if kind in ("unsigned:200", "wrong_signature:200")
    )


def test_who_gets_no_answer_is_stuck(line: LineStandin, bot: Bot) -> None:
    bot.heard = Answering(line, lambda text: "" if text == "12" else ASKED[text])
    crowd(line, people=3, script=REGISTRATION, patience=0.2)
    report = done(line)
    assert (report["finished"], report["stuck"]) == (0, 3)
    assert report["examples"][0]["said"] == "12"
    assert report["examples"][0]["heard"] == "出席番号をお送りください。"


def test_no_more_at_once_than_asked(line: LineStandin, bot: Bot) -> None:
    crowd(line, people=10, script=["a"], at_once=4, several=0)
    line.wait(lambda stats: stats["webhooks"]["sent"] == 4)
    assert line.control("GET", "/crowd")["started"] == 4
    line.control("DELETE", "/crowd")
    assert line.control("GET", "/crowd")["started"] == 0


def test_refused_calls_are_counted_and_made_again(line: LineStandin, bot: Bot) -> None:
    bot.status = 503
    crowd(line, people=2, script=["a"], several=0, redeliver=1, pause=0.01)
    line.wait(lambda stats: stats["webhooks"]["sent"] == 4)
    assert line.control("GET", "/crowd")["refused"] == 2


@pytest.mark.parametrize(
    "order", [{"script": []}, {"script": ["a"], "rate": 0}, {"script": ["a"], "values": [{}]}]
)
def test_orders_that_cannot_be_played(line: LineStandin, order: dict[str, Any]) -> None:
    with pytest.raises(OSError, match="400"):
        crowd(line, people=2, **order)
