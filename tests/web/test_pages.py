"""The pages behind personal links: message, leaving, joining, pictures, the demo."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from storage.tables import AuditEntry, OptOut
from tests.web.town import ADDRESS, BODY, SUBJECT, Town, jpeg
from web.services import Counts, MailSeen, Progress

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def left(town: Town) -> list[int]:
    with town.database.reading() as tx:
        return list(tx.session.scalars(select(OptOut.school_id)))


def audited(town: Town) -> int:
    with town.database.reading() as tx:
        return tx.session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_the_message_page_says_all_there_is(town: Town) -> None:
    page = town.client().get(town.path("m", "page", town.send(pictures=2))).text
    assert SUBJECT in page
    assert "みどり市立中央小学校" in page
    assert "2026年11月24日(火) 10:00" in page
    assert "行事の中止・変更" in page
    assert "有効です" in page
    assert page.count("<img") == 2
    assert 'href="https://example.jp/undokai"' in page
    assert "/u/" in page
    assert ADDRESS not in page


def test_what_people_write_is_no_html(town: Town) -> None:
    number = town.send(subject="<b>太字</b>", body='<script>x</script> http://a.jp/"onclick="')
    page = town.client().get(town.path("m", "page", number)).text
    assert "<b>太字" not in page
    assert "<script>x" not in page
    assert '"onclick' not in page


@pytest.mark.parametrize(
    ("state", "words"),
    [("withdrawn", "取り消されました"), ("sent", "有効です"), ("sending", "有効です")],
)
def test_the_message_page_tells_the_state(town: Town, state: str, words: str) -> None:
    number = town.send(broadcast_state=state)
    assert words in town.client().get(town.path("m", "page", number)).text


def test_the_message_page_tells_when_it_is_past_its_date(town: Town) -> None:
    number = town.send(valid_until=town.clock())
    town.clock.forward(hours=1)
    page = town.client().get(town.path("m", "page", number)).text
    assert "期限が過ぎています" in page
    assert "有効期限" in page


def test_the_message_page_in_english(town: Town) -> None:
    page = town.client().get(town.path("m", "page", town.send()) + "?lang=en").text
    assert '<html lang="en">' in page
    assert "Tue, Nov 24, 2026 10:00" in page
    assert BODY.splitlines()[0] in page


@pytest.mark.parametrize("prefix", ["m", "u", "pictures"])
def test_wrong_tokens_find_nothing(town: Town, prefix: str) -> None:
    client = town.client()
    kinds = {"m": "page", "u": "leave", "pictures": "picture"}
    nobody = town.path(prefix, kinds[prefix], 999, 0)
    other_kind = town.path(prefix, "card", town.send())
    for path in (f"/{prefix}/wrong", f"/{prefix}/{'A' * 300}", other_kind, nobody):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "ページが見つかりません" in answer.text


def test_one_click_leaves_and_undo_comes_back(town: Town) -> None:
    client = town.client(None)
    path = town.path("u", "leave", town.contact_id, town.school_id)
    answer = client.post(path, data=ONE_CLICK)
    assert answer.status_code == 200
    assert "お知らせを止めました" in answer.text
    assert left(town) == [town.school_id]
    assert client.post(path, data=ONE_CLICK).status_code == 200
    undone = client.post(path, data={"undo": "1"})
    assert "元に戻しました" in undone.text
    assert left(town) == []


def test_one_click_as_mail_programs_do_it(town: Town) -> None:
    """RFC 8058: a bare POST, from nowhere, perhaps as multipart; no cookie and no redirect."""
    path = town.path("u", "leave", town.contact_id, 0)
    headers = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    answer = town.client(None).post(
        path, data=ONE_CLICK, content_type="multipart/form-data", headers=headers
    )
    assert answer.status_code == 200
    assert left(town) == [0]


def test_a_get_changes_nothing(town: Town) -> None:
    client = town.client()
    number = town.send()
    before = audited(town)
    paths = [
        town.path("u", "leave", town.contact_id, town.school_id),
        town.path("m", "page", number),
        "/join/K7Q3-M9XP-4TWR",
        "/chat/",
        "/chat/messages",
    ]
    for path in paths:
        assert client.get(path).status_code < 400
        client.head(path)
    assert left(town) == []
    assert audited(town) == before


def test_a_post_that_asks_for_nothing_changes_nothing(town: Town) -> None:
    path = town.path("u", "leave", town.contact_id, town.school_id)
    assert town.client().post(path, data={"x": "y"}).status_code == 400
    assert left(town) == []


def test_leaving_offers_one_button(town: Town) -> None:
    page = town.client().get(town.path("u", "leave", town.contact_id, town.school_id)).text
    assert page.count("<button") == 1
    assert "みどり市立中央小学校" in page


@pytest.mark.parametrize("code", ["K7Q3-M9XP-4TWR", "k7q3m9xp4twr", "Ｋ７Ｑ３Ｍ９ＸＰ４ＴＷＲ"])
def test_joining_opens_the_chat_without_asking_the_database(town: Town, code: str) -> None:
    answer = town.client().get(f"/join/{code}")
    assert answer.status_code == 303
    assert answer.location == "/chat/#join=K7Q3-M9XP-4TWR"


def test_a_link_cannot_speak_in_anybodys_name(town: Town) -> None:
    for code in ("承認 12-3", "メニュー", "x" * 500, "K7Q3"):
        assert town.client().get(f"/join/{code}").location == "/chat/"


def test_joining_is_limited(town: Town) -> None:
    client = town.client()
    codes = {client.get("/join/K7Q3-M9XP-4TWR").status_code for _ in range(121)}
    assert codes == {303, 429}


def test_pictures_are_kept_for_minutes_only(town: Town) -> None:
    client = town.client()
    town.send(pictures=1)
    picture = client.get("/chat/messages").get_json()["messages"][0]["pictures"][0]
    full, small = client.get(picture["full"]), client.get(picture["small"])
    assert full.data == jpeg(960, 640)
    assert small.data == jpeg(240, 160)
    assert full.mimetype == "image/jpeg"
    assert full.headers["Cache-Control"] == "private, max-age=300"
    assert (picture["width"], picture["height"]) == (960, 640)


def mail(sequence: int) -> MailSeen:
    return MailSeen(sequence, "a@example.jp", SUBJECT, "10:00", BODY)


def test_the_demo_shows_phones_inbox_and_progress(town: Town) -> None:
    progress = Progress(SUBJECT, "中央小", 300, 2, {"email": Counts(9, 5, 1, 0, 3)}, False)
    client = town.client(
        demo=True,
        demo_phones={"guardian": ADDRESS, "teacher": "B" * 43, "principal": "C" * 43},
        demo_school_id="K7Q3-M9XP-4TWR",
        inbox=lambda after: [mail(n) for n in range(after + 1, 42)],
        progress=lambda: progress,
    )
    page = client.get("/demo").text
    assert page.count("<iframe") == 3
    assert 'data-line="K7Q3-M9XP-4TWR"' in page
    assert "保護者" in page
    assert "Guardian" in page
    news = client.get("/demo/inbox?after=1").get_json()
    assert news["last"] == 41
    assert len(news["mails"]) == 30
    counted = client.get("/demo/progress").get_json()["channels"][0]
    assert (counted["accepted"], counted["words"]["ja"]) == (5, "メール")
    assert client.get("/demo/inbox?after=x").status_code == 400


def test_no_demo_unless_it_was_started(town: Town) -> None:
    for path in ("/demo", "/demo/inbox", "/demo/progress"):
        assert town.client().get(path).status_code == 404
