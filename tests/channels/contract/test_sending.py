"""What every channel promises of sending, at its provider's stand-in.

What a provider does is the same everywhere; how it says so is the rig's to know.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import takewhile

import pytest

from channels.base import Channel, Message
from domain.graphemes import units
from domain.outcomes import Accepted, Outcome, Placed, Refused, TryLater, Unknown
from tests.channels.answers import answer
from tests.channels.contract.kit import (
    BULK,
    LeaseLost,
    Log,
    chunk,
    doubtful,
    hand_over,
    picture,
    settle,
)
from tests.channels.contract.rig import PUBLIC_URL, Fails, Sends

TEXT = BULK.text
# Seconds; the stand-ins' late answers come after a second.
SHORT = 0.4
OUTLANDISH = (
    "𠮷野家の葛󠄀餅",  # beyond the BMP; an ideographic variation selector
    "ﾊﾝｶｸ ㈱①髙﨑",  # half-width kana, and what JIS X 0208 lacks
    "👨‍👩‍👧‍👦👍🏽🇯🇵❤️",  # joined, toned, paired and selected emoji
    "か゛ が がっこう",  # kana with combining marks stay as they are
    "<b>&amp;*_[x](y)`~",  # nobody's markup
)
LONG = "".join(f"{number}行目です。お弁当を忘れずに🍙。\n" for number in range(1, 1000))
PICTURES = tuple(map(picture, ("red", "blue", "green", "white")))


def all_of(outcomes: dict[int, Outcome], *kinds: type) -> bool:
    return bool(outcomes) and all(isinstance(each, kinds) for each in outcomes.values())


def whole(rig: Sends, address: str) -> str:
    return "\n".join(each.text for each in rig.shown(address))


def unspaced(text: str) -> str:
    """Without what a split at the end of a sentence may change."""
    return "".join(text.split())


# Every channel.


def test_everybody_gets_an_outcome(sends: Sends) -> None:
    channel = sends.channel()
    log = Log(provider=sends.name != "webchat")
    channel.send(chunk(channel, sends.addresses(3)), log)
    assert list(log.outcomes) == [1, 2, 3]
    assert all_of(log.outcomes, Accepted, Placed)
    channel.close()


def test_an_empty_chunk_is_nothing(sends: Sends) -> None:
    channel, log = sends.channel(), Log()
    channel.send(chunk(channel, []), log)
    assert (log.intents, log.outcomes) == ([], {})
    channel.close()


def test_who_is_told_to_stop_begins_nothing(sends: Sends) -> None:
    channel, log = sends.channel(), Log(stop_after=0)
    channel.send(chunk(channel, sends.addresses(3)), log)
    assert (log.intents, log.outcomes) == ([], {})
    channel.close()


def test_closing_twice_harms_nothing(sends: Sends) -> None:
    channel = sends.channel()
    channel.send(chunk(channel, sends.addresses(1)), Log(provider=False))
    channel.close()
    channel.close()


def test_what_a_channel_says_of_itself(sends: Sends) -> None:
    channel = sends.channel()
    assert channel.name == sends.name
    assert channel.accounts
    limits = channel.limits
    least = (limits.text_units, limits.recipients, limits.slots, limits.pictures)
    assert min(least) > 0
    assert isinstance(channel.fetch(channel.accounts[0], "nothing"), Refused)
    channel.close()


# Channels with a provider.


def test_everybody_gets_it_once(fails: Fails, channel: Channel) -> None:
    people = fails.addresses(4)
    log = Log()
    channel.send(chunk(channel, people), log)
    assert sorted(log.intents) == [1, 2, 3, 4]
    assert all_of(log.outcomes, Accepted)
    assert fails.reached(TEXT) == Counter(people)
    assert fails.reached(BULK.subject) == Counter(people)


def test_one_who_is_refused_harms_nobody_else(fails: Fails, channel: Channel) -> None:
    first, last = fails.addresses(2)
    outcomes = settle(channel, chunk(channel, [first, fails.refused_address(), last]))
    assert isinstance(outcomes.pop(2), Refused)
    assert all_of(outcomes, Accepted)
    assert +fails.reached(TEXT) == Counter([first, last])


@pytest.mark.parametrize("address", ["", "nobody", "not an address", "０１２"])
def test_an_address_that_is_none_is_refused(fails: Fails, channel: Channel, address: str) -> None:
    (good,) = fails.addresses(1)
    outcomes = settle(channel, chunk(channel, [address, good]))
    assert outcomes.pop(1) == Refused("bad_address")
    assert all_of(outcomes, Accepted)
    assert channel.reply(answer(address, "x", account=channel.accounts[0])) == Refused(
        "bad_address"
    )
    assert +fails.reached(TEXT) == Counter([good])


def test_too_much_is_tried_later(fails: Fails, channel: Channel) -> None:
    people = fails.addresses(2)
    work = chunk(channel, people)
    fails.throttles()
    outcomes = hand_over(channel, work)
    assert all_of(outcomes, TryLater)
    assert +fails.reached(TEXT) == Counter()
    fails.recovers()
    assert all_of(hand_over(channel, work), Accepted)
    assert fails.reached(TEXT) == Counter(people)


def test_no_answer_before_it_was_taken(fails: Fails, channel: Channel) -> None:
    people = fails.addresses(2)
    work = chunk(channel, people)
    hasty = fails.channel(SHORT)
    fails.falls_silent(accepting=False)
    assert all_of(hand_over(hasty, work), TryLater, Unknown)
    hasty.close()
    assert +fails.reached(TEXT) == Counter()
    fails.recovers()
    assert all_of(hand_over(channel, work), Accepted)
    assert fails.reached(TEXT) == Counter(people)


def test_no_answer_after_it_was_taken(fails: Fails, channel: Channel) -> None:
    """Asked again, a keyed channel doubles nothing; another one only what the ledger counts."""
    people = fails.addresses(2)
    work = chunk(channel, people)
    hasty = fails.channel(SHORT)
    fails.falls_silent(accepting=True)
    outcomes = hand_over(hasty, work)
    hasty.close()
    assert all_of(outcomes, Unknown)
    assert fails.reached(TEXT) == Counter(people)
    fails.recovers()
    assert all_of(hand_over(channel, work), Accepted)
    doubled = fails.reached(TEXT) - Counter(people)
    assert doubled.total() == doubtful(channel, outcomes)


def test_nobody_is_sent_to_once_the_lease_is_lost(fails: Fails, channel: Channel) -> None:
    with pytest.raises(LeaseLost):
        channel.send(chunk(channel, fails.addresses(2)), Log(lost=True))
    assert +fails.reached(TEXT) == Counter()


def test_what_was_not_begun_when_stopping_waits(fails: Fails, channel: Channel) -> None:
    people = fails.addresses(3)
    log = Log(stop_after=1)
    channel.send(chunk(channel, people), log)
    assert sorted(log.intents) == sorted(log.outcomes)
    assert fails.reached(TEXT) == Counter(people[: len(log.outcomes)])
    assert len(log.outcomes) == (len(people) if channel.limits.keyed else 1)


def test_who_has_blocked_us_gets_nothing(fails: Fails, channel: Channel) -> None:
    staying, leaving = fails.addresses(2)
    fails.blocks(leaving)
    outcomes = settle(channel, chunk(channel, [leaving, staying]))
    assert isinstance(outcomes[1], type(fails.blocked))
    if isinstance(fails.blocked, Refused):
        assert outcomes[1] == fails.blocked
    assert isinstance(outcomes[2], Accepted)
    assert +fails.reached(TEXT) == Counter([staying])


@pytest.mark.parametrize("pictures", [0, 3])
def test_a_text_that_is_too_long_is_shown_as_far_as_it_goes(
    fails: Fails, channel: Channel, pictures: int
) -> None:
    (person,) = fails.addresses(1)
    bulk = replace(BULK, text=LONG, pictures=PICTURES[:pictures])
    assert all_of(settle(channel, chunk(channel, [person], bulk)), Accepted)
    shown = fails.shown(person)
    assert max(units(each.text) for each in shown) <= channel.limits.text_units
    text, told = whole(fails, person), unspaced(whole(fails, person))
    beginning = told[told.index("1行目です。") :]
    pairs = zip(beginning, unspaced(LONG), strict=False)
    assert len(list(takewhile(lambda pair: pair[0] == pair[1], pairs))) > 4000
    assert any(f"{PUBLIC_URL}/m/{page}" in text for page in ("page-of-1", "everyone"))
    assert sum(each.pictures for each in shown) == pictures


def test_a_long_answer_is_said_whole(fails: Fails, channel: Channel) -> None:
    (person,) = fails.addresses(1)
    said = answer(person, Message(LONG), account=channel.accounts[0])
    assert isinstance(channel.reply(said), Accepted)
    assert unspaced(LONG) in unspaced(whole(fails, person))


@pytest.mark.parametrize("text", OUTLANDISH)
def test_every_character_arrives_as_it_was_sent(fails: Fails, channel: Channel, text: str) -> None:
    (person,) = fails.addresses(1)
    bulk = replace(BULK, text=text, subject=text, sender_name=text)
    assert all_of(hand_over(channel, chunk(channel, [person], bulk)), Accepted)
    assert whole(fails, person).count(text) >= 2
    assert isinstance(channel.reply(answer(person, text, account=channel.accounts[0])), Accepted)
    assert fails.shown(person)[-1].text.rstrip("\n").endswith(text)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_pictures_come_along(fails: Fails, channel: Channel, count: int) -> None:
    """Those that do not fit are on the page, which is named."""
    people = fails.addresses(2)
    bulk = replace(BULK, pictures=PICTURES[:count])
    assert all_of(settle(channel, chunk(channel, people, bulk)), Accepted)
    for person in people:
        shown = sum(each.pictures for each in fails.shown(person))
        assert min(count, channel.limits.pictures) <= shown <= count
        assert f"{PUBLIC_URL}/m/" in whole(fails, person)
    assert fails.reached(TEXT) == Counter(people)


def test_the_headline_alone(fails: Fails, channel: Channel) -> None:
    """In a chat the text is on the page; the page and 本文を見る lead there."""
    (person,) = fails.addresses(1)
    bulk = replace(BULK, headline_only=True, pictures=PICTURES[:1])
    assert all_of(hand_over(channel, chunk(channel, [person], bulk)), Accepted)
    text, shown = whole(fails, person), fails.shown(person)
    assert BULK.subject in text
    assert f"{PUBLIC_URL}/m/" in text
    assert (BULK.text in text) is not fails.headlines
    assert bool(sum(each.pictures for each in shown)) is not fails.headlines
    taps = {tap.label: tap.token for each in shown for tap in each.taps}
    assert taps == ({"本文を見る": BULK.open_token} if fails.headlines else {})


def test_an_answer_is_told_apart_like_a_chunk(fails: Fails, channel: Channel) -> None:
    (person,) = fails.addresses(1)
    fails.throttles()
    said = answer(person, "一つ目です", account=channel.accounts[0])
    assert isinstance(channel.reply(said), TryLater)
    fails.recovers()
    hasty = fails.channel(SHORT)
    fails.falls_silent(accepting=True)
    assert isinstance(hasty.reply(said), Unknown)
    fails.recovers()
    assert isinstance(channel.reply(said), Accepted)
    hasty.close()
    times = sum("一つ目です" in each.text for each in fails.shown(person))
    assert times == (1 if channel.limits.keyed else 2)


SIGNATURE = f"第一小学校\nこの連絡が本物か確かめる: {PUBLIC_URL}/verify/K7Q3-M9XP"
ASKING = replace(
    BULK,
    lead="【訂正】昨日の「遠足」を訂正します。",
    confirm_token="confirm-token",
    how_to_confirm="「確認しました 12-3」と送ってください。",
    signature=SIGNATURE,
)


@pytest.mark.parametrize("headline_only", [False, True])
@pytest.mark.parametrize("body", [TEXT, LONG * 2])
def test_every_copy_asks_and_says_whose_it_is(
    fails: Fails, channel: Channel, headline_only: bool, body: str
) -> None:
    """However it is cut: the button, what to type or open instead, and at the end the signature."""
    (address,) = fails.addresses(1)
    bulk = replace(ASKING, text=body, headline_only=headline_only, pictures=PICTURES)
    assert all_of(settle(channel, chunk(channel, [address], bulk)), Accepted)
    shown = fails.shown(address)
    last = next(each.text for each in reversed(shown) if each.text)
    assert last.strip().endswith(SIGNATURE)
    assert "確認しました" in last
    taps = {tap.label: tap.token for each in shown for tap in each.taps}
    assert taps.get("確認しました", "") == ("confirm-token" if fails.headlines else "")
    if not (headline_only and fails.headlines):
        text = whole(fails, address)
        assert text.index(ASKING.lead) < text.index(body[:5])
