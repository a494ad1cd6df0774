"""Whether a message is real, on the web; and the pages of what was withdrawn or followed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain import paths
from domain.broadcasts import Relation
from domain.follow_ups import Follows, with_origin
from storage.tables import Attachment, Broadcast, Delivery
from tests.databases import SECRET
from tests.web.town import BODY, SUBJECT, Town

CODE = "K7Q3-M9XP"


def broadcast_of(town: Town, delivery_id: int) -> int:
    with town.database.reading() as tx:
        return tx.session.get_one(Delivery, delivery_id).broadcast_id


def follows(town: Town, origin: int, relation: Relation, **values: Any) -> int:
    """A broadcast that follows another one went out; its delivery."""
    options = with_origin({}, Follows(relation, origin))
    return town.send(
        options=options, origin_id=origin, relation=relation.value, subject="新しい件名", **values
    )


def test_a_code_tells_whose_it_is_and_when_it_was_sent(town: Town) -> None:
    town.send(verify_code=CODE)
    answer = town.client(None).get(paths.verify(CODE))
    assert answer.status_code == 200
    assert "本当にみどり市立中央小学校が送ったものです" in answer.text
    assert "11月24日（火）10:00" in answer.text
    assert SUBJECT in answer.text
    assert BODY.splitlines()[0] not in answer.text
    assert answer.headers["X-Robots-Tag"].startswith("noindex")
    english = town.client(None).get(f"/verify/{CODE.lower()}?lang=en").text
    assert "a real message from" in english


@pytest.mark.parametrize("state", ["draft", "pending", "approved", "cancelled"])
def test_what_was_not_sent_is_not_ours(town: Town, state: str) -> None:
    town.send(verify_code=CODE, broadcast_state=state)
    answer = town.client(None).get(paths.verify(CODE))
    assert answer.status_code == 404
    assert "こちらからは送っていません" in answer.text
    assert SUBJECT not in answer.text


def test_a_withdrawn_one_is_real_and_not_shown(town: Town) -> None:
    delivery = town.send(verify_code=CODE, broadcast_state="withdrawn")
    page = town.client(None).get(paths.verify(CODE)).text
    assert "本当に" in page
    assert "取り消されました" in page
    assert SUBJECT not in page
    follows(town, broadcast_of(town, delivery), Relation.REPLACEMENT)
    assert "差し替えの連絡を送りました" in town.client(None).get(paths.verify(CODE)).text


def test_the_form_leads_to_the_page_of_its_code(town: Town) -> None:
    client = town.client(None)
    assert 'name="code"' in client.get("/verify/").text
    answer = client.get("/verify/?code=確認番号+k7q3+m9xp")
    assert (answer.status_code, answer.location) == (303, paths.verify(CODE))
    assert "読み取れませんでした" in client.get("/verify/?code=hello").text
    shown = client.get("/verify/<script>").text
    assert "<script>" not in shown


def test_nobody_asks_without_end(town: Town) -> None:
    client = town.client(None)
    answers = [client.get(paths.verify(CODE)).status_code for _ in range(61)]
    assert (answers[0], answers[-1]) == (404, 429)


# The pages of what was withdrawn or followed.


def test_the_page_of_a_withdrawn_message_is_empty(town: Town) -> None:
    delivery = town.send(
        pictures=1, broadcast_state="withdrawn", withdrawn_at=town.clock(), valid_until=town.clock()
    )
    client = town.client(None)
    for path in (
        paths.message(SECRET, delivery),
        paths.broadcast(SECRET, broadcast_of(town, delivery)),
    ):
        page = client.get(path).text
        assert SUBJECT not in page
        assert BODY.splitlines()[0] not in page
        assert "<img" not in page
        assert "取り消し日時" in page
        assert "みどり市立中央小学校" in page
    with town.database.reading() as tx:
        picture = tx.session.query(Attachment).one().id
    for size in (paths.FULL, paths.SMALL):
        assert client.get(paths.picture(SECRET, picture, size)).status_code == 404
    with town.database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_of(town, delivery)).state = "sent"
    assert client.get(paths.picture(SECRET, picture, paths.FULL)).status_code == 200


@pytest.mark.parametrize(
    ("relation", "state", "words"),
    [
        (Relation.CORRECTION, "sent", "訂正のお知らせがあります"),
        (Relation.REPLACEMENT, "withdrawn", "差し替えられました"),
    ],
)
def test_the_page_leads_to_what_followed(
    town: Town, relation: Relation, state: str, words: str
) -> None:
    delivery = town.send(broadcast_state=state)
    origin = broadcast_of(town, delivery)
    client = town.client(None)
    follows(town, origin, relation, broadcast_state="pending")
    assert words not in client.get(paths.message(SECRET, delivery)).text, "not before it is sent"
    newer = follows(town, origin, relation)
    for path, to in (
        (paths.message(SECRET, delivery), paths.message(SECRET, newer)),
        (paths.broadcast(SECRET, origin), paths.broadcast(SECRET, broadcast_of(town, newer))),
    ):
        page = client.get(path).text
        assert re.search(rf'href="{to}">[^<]*{words}', page)
    page = client.get(paths.message(SECRET, newer)).text
    assert SUBJECT in page, "it says what it follows"
