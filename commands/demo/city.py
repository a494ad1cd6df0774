"""A made-up city: 45 schools with classes and clubs, and 20,000 guardians on three channels.

Made up by a seeded generator, so that every demo shows the same city.  All addresses end in
`.example` (RFC 2606), which can never reach anyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import gcd
from random import Random

from actions import schools
from domain.addresses import ChatAddress, MailAddress, normalise_mail
from storage.bulk import NewFamily, add_families
from storage.database import Database, Transaction

PRIMARY, JUNIOR_HIGH = 30, 15
GUARDIANS = 20_000
TWO_GUARDIANS = 0.12  # The share of families in which two guardians registered.
NAMES = (
    "さくら 若葉 緑が丘 青空 みずほ しののめ あおば ひばり かえで すみれ たんぽぽ "
    "ひまわり こぶし けやき いちょう もみじ あさひ 夕陽 星見 月見台 風の丘 光が原 "
    "虹ヶ丘 白鳥 つばめ かもめ せきれい 水辺 泉 せせらぎ "
    "清流 大杉 松風 希望 若鮎 青嵐 山吹 千草 桂 柏葉 "
    "楠 早苗 春日野 秋津 冬木 "
)
CLUBS = {
    "primary": ("合唱クラブ", "サッカークラブ", "図書委員会"),
    "junior_high": ("吹奏楽部", "野球部", "美術部", "陸上部"),
}
# Of a hundred guardians so many are reached first by mail, by LINE and by Telegram.
CHANNELS = ("email", "line", "telegram")
MIX = (55, 40, 5)
MAIL_ONLY = (100, 0, 0)
MAIL_TOO = 0.5  # The share of those on a chat channel who gave a mail address as well.
PROVIDERS = ("docomo", "au", "softbank", "gmail", "yahoo", "icloud")
SHARES = (15, 10, 10, 35, 12, 18)
# Families of one transaction: a city of a million needs no more memory than one of 20,000.
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class DemoSchool:
    """One school of the city and what the demo needs of it."""

    id: int
    code: str
    name: str
    school_id: str
    class_ids: tuple[int, ...]
    club_ids: tuple[int, ...]


def build_city(
    database: Database, board_id: int, guardians: int = GUARDIANS, mix: Sequence[int] = MIX
) -> list[DemoSchool]:
    """Open the schools, then register their families, so many in one transaction."""
    with database.writing() as tx:
        city = [_open_school(tx, board_id, number) for number in range(PRIMARY + JUNIOR_HIGH)]
    coming = families(city, guardians, mix)
    while some := list(islice(coming, _AT_ONCE)):
        with database.writing() as tx:
            add_families(tx, board_id, some)
    return city


def _open_school(tx: Transaction, board_id: int, number: int) -> DemoSchool:
    primary = number < PRIMARY
    kind = "primary" if primary else "junior_high"
    name = NAMES.split()[number] + ("小学校" if primary else "中学校")
    code = f"P{number + 1:02}" if primary else f"J{number - PRIMARY + 1:02}"
    school = schools.open_school(tx, board_id, code, name, kind)
    class_ids = tuple(_open_classes(tx, school.id, grades=6 if primary else 3))
    club_ids = tuple(schools.add_group(tx, school.id, club, "club").id for club in CLUBS[kind])
    issued = schools.new_school_id(tx, school.id)
    return DemoSchool(school.id, code, name, issued.id, class_ids, club_ids)


def _open_classes(tx: Transaction, school_id: int, grades: int) -> Iterator[int]:
    for grade in range(1, grades + 1):
        above = schools.add_group(tx, school_id, f"{grade}年", "grade")
        for number in range(1, 4):
            name = f"{grade}年{number}組"
            yield schools.add_group(tx, school_id, name, "class", above.id).id


def families(city: list[DemoSchool], guardians: int, mix: Sequence[int]) -> Iterator[NewFamily]:
    """Families spread evenly over all classes, until there are so many guardians."""
    random = Random(20121025)  # noqa: S311 (a made-up city, not a secret)
    places = [(school, class_id) for school in city for class_id in school.class_ids]
    pattern = _pattern(random, mix)
    made = number = 0
    while made < guardians:
        school, class_id = places[number % len(places)]
        two = random.random() < TWO_GUARDIANS and made + 2 <= guardians
        people = tuple(
            _addresses(random, made + n, pattern[(made + n) % len(pattern)]) for n in range(1 + two)
        )
        clubs = (random.choice(school.club_ids),) if random.random() < 0.4 else ()
        yield NewFamily(class_id, number // len(places) + 1, people, clubs)
        made += len(people)
        number += 1


def _addresses(random: Random, number: int, channel: str) -> tuple[MailAddress | ChatAddress, ...]:
    """How a guardian is reached, the way they like best first."""
    mail = _mail_address(random, number)
    if channel == "email":
        return (mail,)
    chat = ChatAddress(channel, channel, chat_id(channel, number))
    return (chat, mail) if random.random() < MAIL_TOO else (chat,)


def _pattern(random: Random, mix: Sequence[int]) -> list[str]:
    """The channels in the smallest numbers that keep the mix, in any order."""
    unit = gcd(*mix)
    channels = zip(CHANNELS, mix, strict=True)
    pattern = [channel for channel, share in channels for _ in range(share // unit)]
    random.shuffle(pattern)
    return pattern


def chat_id(channel: str, number: int) -> str:
    """The name that a made-up person has at LINE or Telegram."""
    return f"U{number + 1:032x}" if channel == "line" else str(700_000_000 + number)


def _mail_address(random: Random, number: int) -> MailAddress:
    """An address as families have them, old docomo ones with stray dots among them."""
    provider = random.choices(PROVIDERS, SHARES)[0]
    dots = ".." if provider == "docomo" and number % 50 == 0 else "."
    address = normalise_mail(f"family{dots}{number:05}@{provider}.example")
    assert address is not None
    return address
