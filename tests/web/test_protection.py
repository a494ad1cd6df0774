"""What holds for every page: headers, limits, failures that give nothing away."""

from __future__ import annotations

import pytest
from flask import Flask

from storage import migrate
from tests.web.town import ADDRESS, OWN_PAGE, Town
from web import failures, routes
from web.security import BODY_LIMIT

PAGES = ["/chat/", "/healthz", "/readyz", "/nowhere", "/m/wrong", "/u/wrong", "/static/base.css"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(town: Town, path: str) -> None:
    headers = town.client().get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in headers["X-Robots-Tag"]


def test_no_page_has_inline_script_or_style(town: Town) -> None:
    client = town.client(demo=True, demo_phones={"guardian": "B" * 43})
    for path in ("/chat/", "/demo", town.path("m", "page", town.send())):
        page = client.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert "onclick" not in page


def test_strict_transport_only_where_the_city_has_https(town: Town) -> None:
    assert "Strict-Transport-Security" not in town.client().get("/healthz").headers
    secure = town.client(public_url="https://renrakumo.example.jp").get("/healthz")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_a_body_too_large_is_refused_kindly(town: Town) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    answer = town.client().post("/chat/say", data=body, headers=OWN_PAGE)
    assert answer.status_code == 413
    assert answer.json == {"problem": "大きすぎて受け取れません"}


def test_a_missing_page_speaks_japanese_and_then_english(town: Town) -> None:
    client = town.client()
    japanese = client.get("/nowhere")
    assert japanese.status_code == 404
    assert '<html lang="ja">' in japanese.text
    assert "ページが見つかりません" in japanese.text
    english = client.get("/nowhere", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert "Page not found" in english.text


def test_a_failure_gives_nothing_away(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError(f"no such column: address {ADDRESS}")

    monkeypatch.setattr("web.chat.store.mark", break_down)
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(failures.log, "error", lambda _event, **more: seen.append(more))
    app = town.app()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    client.set_cookie("chat", ADDRESS, path="/chat/")
    answer = client.get("/chat/messages")
    assert answer.status_code == 500
    assert "ただいま表示できません" in answer.text
    assert ADDRESS not in answer.text + str(seen)
    assert seen[0]["error"] == "RuntimeError"


def test_the_language_is_kept_once_chosen(town: Town) -> None:
    client = town.client()
    assert '<html lang="en">' in client.get("/chat/?lang=en").text
    assert '<html lang="en">' in client.get("/chat/").text
    assert '<html lang="ja">' in client.get("/chat/?lang=ja").text
    assert '<html lang="ja">' in client.get("/chat/?lang=xx").text


def test_a_file_is_kept_for_ever_only_under_its_own_version(town: Town) -> None:
    client = town.client()
    page = client.get("/chat/").text
    address = page.split('<script src="', 1)[1].split('"', 1)[0]
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/chat.js?v=old").headers["Cache-Control"]
    assert client.get("/static/../application.py").status_code == 404
    assert client.get("/favicon.ico").mimetype == "image/svg+xml"


def test_health(town: Town) -> None:
    client = town.client()
    assert client.get("/healthz").json == {"alive": True}
    assert client.get("/readyz").json == {"ready": True}


def test_not_ready_before_the_newest_migration(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "newest", lambda: "a newer one")
    assert town.client().get("/readyz").status_code == 503


def test_metrics_are_for_this_machine_or_for_the_token(town: Town) -> None:
    client = town.client(metrics_token="let me in")
    assert client.get("/metrics").status_code == 200
    away = {"REMOTE_ADDR": "192.0.2.1"}
    assert client.get("/metrics", environ_base=away).status_code == 404
    # A proxy on this machine is local; what it forwards is not.
    forwarded = client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert forwarded.status_code == 404
    bearer = {"Authorization": "Bearer let me in"}
    assert client.get("/metrics", environ_base=away, headers=bearer).status_code == 200
    wrong = {"Authorization": "Bearer "}
    assert town.client().get("/metrics", environ_base=away, headers=wrong).status_code == 404


def test_a_proxy_on_this_machine_does_not_open_the_metrics(town: Town) -> None:
    client = town.client(trusted_proxies=1)
    for forwarded in ("192.0.2.1", "127.0.0.1"):
        answer = client.get("/metrics", headers={"X-Forwarded-For": forwarded})
        assert answer.status_code == 404


def test_a_route_that_nobody_marked_is_found() -> None:
    app = Flask("bare", static_folder=None)
    app.add_url_rule("/open", "open", lambda: "")
    with pytest.raises(LookupError, match="/open"):
        routes.check(app)
