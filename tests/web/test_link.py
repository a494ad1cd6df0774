"""The page that links a conversation: it asks, and leads on to the provider."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from actions import linking, staff
from actions.linking import LinkBegun
from domain.outcomes import Outcome, TryLater
from domain.roles import Role
from storage import people
from storage.tables import AccountLink
from tests.delivery.city import FakeChannel
from tests.web.town import Town

LINE = "https://access.line.me/dialog/bot/accountLink?linkToken=t"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@dataclass
class Linker(FakeChannel):
    """LINE, as far as linking goes."""

    answers_with: str | Outcome = LINE
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def account_link(self, account: str, address: str, nonce: str) -> str | Outcome:
        self.asked.append((account, address, nonce))
        if isinstance(self.answers_with, str):
            return f"{self.answers_with}&nonce={nonce}"
        return self.answers_with


@dataclass
class Linking:
    """A member of staff who typed their code by LINE."""

    town: Town
    contact_id: int
    path: str
    code: str
    line: Linker

    def get(self, **headers: str) -> tuple[int, str]:
        answer = self.town.client(None, channels={"line": self.line}).get(self.path)
        return answer.status_code, answer.text


@pytest.fixture
def link(town: Town) -> Linking:
    with town.database.writing() as tx:
        contact = people.contact_point(tx, town.board_id, "line", "line", "U1")
        invited = staff.invite(tx, town.board_id, Role.OPERATOR, town.school_id, "山田花子")
        assert isinstance(invited, staff.Invited)
        begun = linking.begin(tx, contact.id, invited.code)
        assert isinstance(begun, LinkBegun)
    return Linking(town, contact.id, begun.path, invited.code, Linker(name="line"))


def test_the_page_says_what_will_be_linked_and_to_whom_it_does_not(link: Linking) -> None:
    answer = link.town.client(None, channels={"line": link.line}).get(link.path)
    assert answer.status_code == 200
    assert "みどり市立中央小学校 メール運用者" in answer.text
    assert "山田" not in answer.text
    assert answer.text.count("<button") == 1
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://access.line.me;" in policy + ";"
    assert answer.headers["Cache-Control"] == "no-store"


def test_looking_changes_nothing(link: Linking) -> None:
    link.get()
    link.town.client(None, channels={"line": link.line}).head(link.path)
    with link.town.database.reading() as tx:
        assert tx.session.scalars(select(AccountLink.nonce_index)).one() is None
    assert link.line.asked == []


def test_the_button_leads_to_line_and_back_into_the_chat(link: Linking) -> None:
    client = link.town.client(None, channels={"line": link.line})
    answer = client.post(link.path, headers=SAME_ORIGIN)
    ((account, address, nonce),) = link.line.asked
    assert (account, address) == ("line", "U1")
    assert answer.status_code == 303
    assert answer.location == f"{LINE}&nonce={nonce}"
    with link.town.database.writing() as tx:
        welcome = linking.finish(tx, link.contact_id, nonce, ok=True)
    assert isinstance(welcome, staff.StaffWelcome)
    assert client.get(link.path).status_code == 410
    assert client.post(link.path, headers=SAME_ORIGIN).status_code == 410


def test_where_line_does_not_answer_the_code_is_kept(link: Linking) -> None:
    link.line.answers_with = TryLater("unreachable")
    client = link.town.client(None, channels={"line": link.line})
    answer = client.post(link.path)
    assert answer.status_code == 503
    assert "ただいまLINEにつながりません" in answer.text
    assert "<button" in answer.text
    link.line.answers_with = LINE
    assert client.post(link.path).status_code == 303


def test_where_line_is_off_the_page_says_so_kindly(link: Linking) -> None:
    assert link.town.client(None).post(link.path).status_code == 503


def test_a_link_that_is_over_says_what_to_do(link: Linking) -> None:
    link.town.clock.forward(minutes=10)
    status, text = link.get()
    assert status == 410
    assert "招待コードをもう一度送ってください" in text
    assert "<button" not in text


@pytest.mark.parametrize("path", ["/link/wrong", "/link/" + "A" * 300])
def test_nobody_can_make_a_link_up(link: Linking, path: str) -> None:
    client = link.town.client(None, channels={"line": link.line})
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
    assert client.get(link.town.path("link", "page", 1)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
    ],
)
def test_another_site_cannot_press_the_button(link: Linking, headers: dict[str, str]) -> None:
    client = link.town.client(None, channels={"line": link.line})
    assert client.post(link.path, headers=headers).status_code == 403
    assert link.line.asked == []


def test_linking_is_limited(link: Linking) -> None:
    client = link.town.client(None, channels={"line": link.line})
    codes = {client.post(link.path).status_code for _ in range(21)}
    assert codes == {303, 429}
