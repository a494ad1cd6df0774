"""Rich menus against the LINE stand-in, which keeps them and refuses as LINE does."""

from __future__ import annotations

from typing import Any

import pytest

from channels.base import Menus
from channels.line import menus
from channels.line.accounts import Account
from channels.line.channel import LineChannel
from channels.line.menu_layouts import declared
from channels.line.menus import NotTaken
from domain.menus import Menu
from domain.outcomes import Accepted, TryLater, Unknown
from tests.channels.line.kit import person
from tests.line_standin import LineStandin

ALL = ("made guardian", "made operator", "made manager", "everybody sees guardian")


@pytest.fixture
def channel(standin_channel: LineChannel) -> LineChannel:
    return standin_channel


@pytest.fixture
def account(channel: LineChannel) -> Account:
    found = channel.account("line")
    assert found
    return found


def there(standin: LineStandin) -> dict[str, str]:
    """The names of all menus at LINE, by ID."""
    _, body, _ = standin.api("GET", "/v2/bot/richmenu/list")
    return {one["richMenuId"]: one["name"] for one in body["richmenus"]}


def test_the_menus_are_brought_once(account: Account, standin: LineStandin) -> None:
    assert menus.sync(account) == menus.Synced(ALL, ())
    made = there(standin)
    assert menus.sync(account) == menus.Synced((), ())
    assert there(standin) == made
    assert sorted(name.rsplit("-", 1)[0] for name in made.values()) == [
        "renrakumo-guardian",
        "renrakumo-manager",
        "renrakumo-operator",
    ]


def test_everybody_sees_the_guardians_and_staff_their_own(
    channel: LineChannel, account: Account, standin: LineStandin
) -> None:
    assert isinstance(channel, Menus)
    menus.sync(account)
    mother, teacher, principal = standin.friends(3)
    assert isinstance(channel.show_menu("line", [principal, teacher], Menu.MANAGER), Accepted)
    assert isinstance(channel.show_menu("line", [teacher], Menu.OPERATOR), Accepted)
    seen = [standin.menu(one)["alias"] for one in (mother, teacher, principal)]
    assert seen == ["renrakumo-guardian", "renrakumo-operator", "renrakumo-manager"]
    assert isinstance(channel.show_menu("line", [teacher, principal], Menu.GUARDIAN), Accepted)
    assert {standin.menu(one)["alias"] for one in (teacher, principal)} == {"renrakumo-guardian"}


def test_more_people_than_one_request_may_name(
    channel: LineChannel, account: Account, standin: LineStandin
) -> None:
    menus.sync(account)
    staff = standin.friends(501)
    assert isinstance(channel.show_menu("line", staff, Menu.OPERATOR), Accepted)
    assert {standin.menu(one)["alias"] for one in (staff[0], staff[-1])} == {"renrakumo-operator"}


def test_an_address_that_is_none_spoils_nothing(
    channel: LineChannel, account: Account, standin: LineStandin
) -> None:
    menus.sync(account)
    (teacher,) = standin.friends(1)
    people = ["nobody", teacher, person(77)]
    assert isinstance(channel.show_menu("line", people, Menu.OPERATOR), Accepted)
    assert standin.menu(teacher)["alias"] == "renrakumo-operator"
    assert channel.show_menu("line", ["nobody"], Menu.OPERATOR) == Accepted()


def test_menus_that_are_not_there_yet(channel: LineChannel, standin: LineStandin) -> None:
    outcome = channel.show_menu("line", standin.friends(1), Menu.OPERATOR)
    assert isinstance(outcome, TryLater)
    assert outcome.reason == "no_menu"
    assert channel.show_menu("other", standin.friends(1), Menu.OPERATOR) == TryLater("no_access")


def test_a_new_picture_replaces_the_old_menu(
    account: Account, standin: LineStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    menus.sync(account)
    before = there(standin)

    def changed(menu: Menu) -> dict[str, Any]:
        return declared(menu) | ({"chatBarText": "Principal"} if menu == Menu.MANAGER else {})

    monkeypatch.setattr(menus, "declared", changed)
    synced = menus.sync(account)
    assert synced.done == ("renewed manager",)
    assert [before[one] for one in synced.stale] == [
        name for name in before.values() if "manager" in name
    ]
    menus.delete(account, synced.stale)
    menus.delete(account, synced.stale)
    assert len(there(standin)) == 3
    assert menus.sync(account) == menus.Synced((), ())


@pytest.mark.parametrize(
    "path",
    ["richmenu/list$", "alias/list$", "validate$", "bot/richmenu$", "content$", "alias$", "all/"],
)
@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": "after"}, {"drop": "before"}])
def test_whatever_fails_the_next_call_goes_on(
    account: Account, standin: LineStandin, path: str, fault: dict[str, Any]
) -> None:
    standin.fault(path=path, times=1, **fault)
    with pytest.raises(NotTaken) as failed:
        menus.sync(account)
    assert isinstance(failed.value.outcome, Unknown)
    standin.end_faults()
    menus.delete(account, menus.sync(account).stale)
    assert len(there(standin)) == 3
    assert menus.sync(account) == menus.Synced((), ())


def test_the_hourly_limit_is_obeyed(account: Account, standin: LineStandin) -> None:
    standin.fault(path="bot/richmenu$", status=429, body={"message": "rate limit"}, times=1)
    with pytest.raises(NotTaken) as failed:
        menus.sync(account)
    assert isinstance(failed.value.outcome, TryLater)


def test_menus_of_others_are_left_alone(account: Account, standin: LineStandin) -> None:
    order = declared(Menu.GUARDIAN) | {"name": "made by hand"}
    standin.api("POST", "/v2/bot/richmenu", order)
    assert menus.sync(account).stale == ()
    assert "made by hand" in there(standin).values()
