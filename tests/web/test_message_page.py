"""A broadcast's own page: the same for everybody, and it names nobody."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from domain import paths
from storage.tables import Delivery
from tests.databases import SECRET
from tests.web.town import SUBJECT, Town


def path_of(town: Town, delivery_id: int) -> str:
    with town.database.reading() as tx:
        return paths.broadcast(SECRET, tx.session.get_one(Delivery, delivery_id).broadcast_id)


def openings() -> float:
    return REGISTRY.get_sample_value("renrakumo_broadcast_page_openings_total") or 0


def test_it_shows_the_broadcast_and_nothing_of_a_recipient(town: Town) -> None:
    path = path_of(town, town.send(pictures=1))
    before = openings()
    page = town.client(None).get(path).text
    assert SUBJECT in page
    assert "みどり市立中央小学校" in page
    assert page.count("<img") == 1
    assert "/u/" not in page
    assert "あなた宛て" not in page
    assert openings() == before + 1


def test_a_personal_page_is_not_counted(town: Town) -> None:
    before = openings()
    assert town.client().get(paths.message(SECRET, town.send())).status_code == 200
    assert openings() == before


def test_it_speaks_the_browsers_language(town: Town) -> None:
    path = path_of(town, town.send())
    client = town.client(None)
    english = {"Accept-Language": "en-GB,en;q=0.9"}
    assert '<html lang="en">' in client.get(path, headers=english).text
    assert '<html lang="ja">' in client.get(path, headers={"Accept-Language": "fr"}).text


def test_it_tells_when_it_was_taken_back_or_is_past_its_date(town: Town) -> None:
    client = town.client(None)
    withdrawn = path_of(town, town.send(broadcast_state="withdrawn"))
    assert "取り消されました" in client.get(withdrawn).text
    past = path_of(town, town.send(valid_until=town.clock()))
    town.clock.forward(hours=1)
    assert "期限が過ぎています" in client.get(past).text


@pytest.mark.parametrize("state", ["draft", "pending", "approved", "cancelled", "expired"])
def test_what_was_not_sent_is_not_shown(town: Town, state: str) -> None:
    path = path_of(town, town.send(broadcast_state=state))
    assert town.client(None).get(path).status_code == 404


def test_nobody_can_make_one_up(town: Town) -> None:
    number = int(town.send())
    assert town.client(None).get(paths.broadcast(b"x" * 32, number)).status_code == 404
    assert town.client(None).get(paths.broadcast(SECRET, 999)).status_code == 404
    assert town.client(None).get(town.path("m", paths.BROADCAST_PAGE, 1, 2)).status_code == 404
