"""What a chat page and a message page read, the same on both databases."""

from __future__ import annotations

import pytest

from domain.speech import speak
from domain.wording import Plain
from storage import ledger, webchat
from storage.database import Database
from storage.pages import leave_page, message_page, picture_file
from storage.webchat import Mark
from tests.databases import Clock
from tests.web.town import ADDRESS, SUBJECT, Town, jpeg, make_town


@pytest.fixture
def town(database: Database, clock: Clock) -> Town:
    return make_town(database, clock)


def mark(town: Town, address: str = ADDRESS) -> Mark | None:
    with town.database.reading() as tx:
        return webchat.mark(tx, "webchat", "webchat", address)


def test_who_never_spoke_has_no_mark(town: Town) -> None:
    assert mark(town, "B" * 43) is None


def test_the_mark_moves_with_whatever_is_new(town: Town) -> None:
    marks = [mark(town)]
    town.speak(speak(Plain("こんにちは")))
    marks.append(mark(town))
    town.send(state="waiting")
    assert mark(town) == marks[-1]
    town.clock.forward(seconds=1)
    town.send()
    marks.append(mark(town))
    assert len({str(one) for one in marks}) == 3
    assert marks[-1] is not None
    assert (marks[-1].notices, marks[-1].changed_at) == (1, town.clock())


def test_display_changes_the_state_but_not_the_mark(town: Town) -> None:
    town.speak(speak(Plain("こんにちは")))
    number = town.send(pictures=2)
    before = mark(town)
    with town.database.writing() as tx:
        [reply] = webchat.spoken(tx, town.contact_id, 10)
        [notice] = webchat.notices(tx, town.contact_id, 10)
        assert (reply.fresh, notice.fresh) == (True, True)
        assert (notice.id, notice.subject, len(notice.pictures)) == (number, SUBJECT, 2)
        webchat.displayed(tx, town.contact_id, [reply.id])
        ledger.accept_placed(tx, town.contact_id, [notice.id])
    with town.database.reading() as tx:
        assert not webchat.spoken(tx, town.contact_id, 10)[0].fresh
        assert not webchat.notices(tx, town.contact_id, 10)[0].fresh
    assert mark(town) == before


def test_only_the_newest_are_shown(town: Town) -> None:
    for number in range(5):
        town.speak(speak(Plain(str(number))))
    with town.database.reading() as tx:
        words = [one.speech.words for one in webchat.spoken(tx, town.contact_id, 2)]
    assert words == [(Plain("3"),), (Plain("4"),)]


def test_pages(town: Town) -> None:
    number = town.send(pictures=1)
    with town.database.reading() as tx:
        page = message_page(tx, number)
        assert page is not None
        assert (page.school, page.board) == ("みどり市立中央小学校", "みどり市教育委員会")
        assert page.sent_at == town.clock()
        assert message_page(tx, number + 1) is None
        picture = picture_file(tx, page.pictures[0].id, small=False)
        assert picture is not None
        assert (picture.data, picture.media_type) == (jpeg(960, 640), "image/jpeg")
        assert picture_file(tx, 999, small=True) is None
        leaving = leave_page(tx, town.contact_id, town.school_id)
        assert leaving is not None
        assert not leaving.left
        assert leave_page(tx, 999, 0) is None
        assert leave_page(tx, town.contact_id, 999) is None
