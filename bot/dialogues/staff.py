"""職員: who may write and decide at a school, naming them and dismissing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from actions import appointments, staff
from actions.appointments import NAME_LIMIT, Member
from actions.previews import moment_of_board
from actions.staff import Term
from bot.dialogues import drafting
from bot.dialogues.audience import CITY_PLACE
from bot.phrases import YES, lines, refused, yes_or_no
from bot.steps import (
    Ask,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Retry,
    Say,
    Scene,
    Script,
    Show,
    flow,
)
from domain.content import clean_line
from domain.refusals import Refusal, refuse
from domain.roles import Actor, Role, may_name, may_write
from domain.speech import Speech, open_page, words_from_json, words_to_json
from domain.wording import Words, say
from storage import boards, schools
from storage.database import Transaction
from storage.staff import Post

_APPOINT, _OWN, _DONE = "appoint", "own", "done"
_AGAIN, _CUT, _DISMISS, _BACK = "again", "cut", "dismiss", "back"
_PHONE, _CODE = "phone", "code"
_NOW, _NO_END, _YEAR_END, _NOBODY = "now", "no_end", "year_end", 0
_LAST_MONTH_OF_SCHOOL_YEAR = 3
_ENDS = ("starts", "ends")


@flow("staff", version=2, idle=timedelta(days=1))
def staff_flow(given: Given) -> Script:  # noqa: ARG001 - every script has it
    place = yield from _place()
    office = yield Do("office", partial(_office, place))
    if not office["members"] and not office["roles"]:
        yield Finish(refuse("not_allowed").words)
    if not office["roles"] and not office["own"]:
        yield Finish(_listed(office))
    chosen = yield _which(office)
    if chosen == _DONE:
        yield Finish(say("staff.done"))
    if chosen == _APPOINT:
        yield from _appoint(place, office)
    elif chosen == _OWN:
        yield from _own(office["own"])
    else:
        yield from _member(place, office, chosen)


def _place() -> Part[int]:
    places = yield Do("places", _places)
    if not places:
        yield Finish(say("compose.not_staff"))
    if len(places) == 1:
        only: int = places[0]["id"]
        return only
    options = [Option(place["id"], say("bot.name", name=place["name"])) for place in places]
    place: int = yield Choose("place", say("staff.ask_place"), *options)
    return place


def _which(office: Json) -> Json:
    options = [
        Option(each["id"], say("bot.name", name=each["name"]))
        for each in office["members"]
        if each["mine"]
    ]
    return Choose(
        "member",
        _listed(office),
        *options,
        *((Option(_APPOINT, say("staff.appoint")),) if office["roles"] else ()),
        *((Option(_OWN, say("staff.own")),) if office["own"] else ()),
        Option(_DONE, say("staff.leave")),
    )


def _listed(office: Json) -> Words:
    if not office["members"]:
        return say("staff.nobody", place=office["name"])
    listed = [say("bot.bullet", words=words_from_json(each["words"])) for each in office["members"]]
    return say("staff.list", place=office["name"], members=lines(listed))


# Naming somebody.


def _appoint(place: int, office: Json) -> Part[None]:
    roles = [Option(role, say(f"invitation.role.{role}")) for role in office["roles"]]
    role = yield Choose("role", say("staff.ask_role"), *roles)
    name = yield Ask("name", say("staff.ask_name"), _read_name, free=True)
    starts = yield from _day("starts", Option(_NOW, say("staff.from_now")))
    ends = yield from _day(
        "ends", Option(_NO_END, say("staff.no_end")), Option(_YEAR_END, say("staff.year_end"))
    )
    term = yield Do("term", partial(_term, starts, ends))
    summary = say(
        "staff.appoint_sure",
        name=name,
        role=say(f"invitation.role.{role}"),
        place=office["name"],
        term=words_from_json(term["words"]),
    )
    if (yield yes_or_no("sure", summary)) != YES:
        yield Finish(say("staff.not_done"))
    done = yield Do("appoint", partial(_name, place, role, name, term), lasting=True)
    if words := refused(done):
        yield Finish(words)
    yield from _handed(done["code"])


def _handed(code: str) -> Part[None]:
    """Show a code to who hands it on; the page is for the one who gets it."""
    button = open_page(say("staff.join_page"), f"/join/{code}")
    yield Show(Speech((say("staff.code", code=code),), (button,)))
    yield Finish()


def _read_name(text: str) -> Json:
    name = clean_line(text)
    return name if len(name) <= NAME_LIMIT else Misread(say("staff.long_name", most=NAME_LIMIT))


def _day(key: str, *fixed: Option) -> Part[str]:
    """Ask for a day until one is understood; one of the fixed choices stands for itself."""
    while True:
        text = yield Choose(key, say(f"staff.ask.{key}"), *fixed, read=str, numbered=False)
        if text in [option.value for option in fixed]:
            return str(text)
        read = yield Do(f"{key}.read", partial(_read_day, key, text))
        if read["at"] is not None:
            return str(read["at"])
        yield Say(words_from_json(read["doubt"]))
        yield Retry((key, f"{key}.read"))


def _read_day(key: str, text: str, tx: Transaction, scene: Scene) -> Json:
    """Effect: the beginning of a day, or its last minute where something ends."""
    clock = "0:00" if key == "starts" else "23:59"
    return drafting.reading(f"{text} {clock}", tx, scene)


def _term(starts: str, ends: str, tx: Transaction, scene: Scene) -> Json:
    """Effect: from when until when, and that in words."""
    zone = ZoneInfo(boards.board(tx, scene.board_id).zone)
    first = None if starts == _NOW else datetime.fromisoformat(starts)
    last = _last(ends, (first or tx.now).astimezone(zone))
    words = say("staff.term", starts=_in_words(tx, scene, first), ends=_in_words(tx, scene, last))
    return {"starts": _iso(first), "ends": _iso(last), "words": words_to_json(words)}


def _last(ends: str, first: datetime) -> datetime | None:
    if ends == _NO_END:
        return None
    if ends != _YEAR_END:
        return datetime.fromisoformat(ends)
    year = first.year + (first.month > _LAST_MONTH_OF_SCHOOL_YEAR)
    last = date(year, _LAST_MONTH_OF_SCHOOL_YEAR, 31)
    return datetime(last.year, last.month, last.day, 23, 59, tzinfo=first.tzinfo)


def _in_words(tx: Transaction, scene: Scene, at: datetime | None) -> Words:
    return moment_of_board(tx, scene.board_id, at) if at else say("staff.open")


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _name(place: int, role: str, name: str, term: Json, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refusal(refuse("not_allowed"))
    wanted = Term(*(datetime.fromisoformat(term[end]) if term[end] else None for end in _ENDS))
    done = appointments.appoint(tx, actor, Role(role), place or None, name, wanted)
    return _refusal(done) if isinstance(done, Refusal) else {"code": done.code}


# One of them.


def _member(place: int, office: Json, chosen: int) -> Part[None]:
    one = next(each for each in office["members"] if each["id"] == chosen)
    name = one["name"]
    cut = (Option(_CUT, say("staff.cut")),) if one["reachable"] else ()
    wish = yield Choose(
        "wish",
        say("staff.ask_wish", name=name),
        Option(_AGAIN, say("staff.again")),
        *cut,
        Option(_DISMISS, say("staff.dismiss")),
        Option(_BACK, say("staff.leave")),
    )
    if wish == _BACK:
        yield Finish(say("staff.not_done"))
    if wish == _AGAIN:
        yield from _again(place, one)
    elif wish == _CUT:
        yield from _cut(place, one)
    else:
        yield from _dismiss(place, office, chosen, name)


def _again(place: int, one: Json) -> Part[None]:
    """A new code; whose telephone may be in strange hands is cut off it first."""
    lost = _CODE
    if one["reachable"]:
        phone = Option(_PHONE, say("staff.lost_phone"))
        code = Option(_CODE, say("staff.lost_code"))
        lost = yield Choose("lost", say("staff.ask_lost", name=one["name"]), phone, code)
    done = yield Do("again", partial(_invite_again, place, one["id"], lost), lasting=True)
    if words := refused(done):
        yield Finish(words)
    if lost == _PHONE:
        yield Say(say("staff.cut_done", name=one["name"]))
    yield from _handed(done["code"])


def _cut(place: int, one: Json) -> Part[None]:
    if (yield yes_or_no("sure", say("staff.cut_sure", name=one["name"]))) != YES:
        yield Finish(say("staff.not_done"))
    done = yield Do("cut", partial(_cut_off, place, one["id"]), lasting=True)
    yield Finish(refused(done) or say("staff.cut_done", name=one["name"]))


def _own(others: int) -> Part[None]:
    """Cut off one's own other telephones, from the one in hand."""
    if (yield yes_or_no("sure", say("staff.own_sure", count=others))) != YES:
        yield Finish(say("staff.not_done"))
    done = yield Do("own", _cut_off_others, lasting=True)
    yield Finish(refused(done) or say("staff.own_done", count=done["cut"]))


def _dismiss(place: int, office: Json, chosen: int, name: str) -> Part[None]:
    others = [
        Option(each["id"], say("bot.name", name=each["name"]))
        for each in office["heirs"]
        if each["id"] != chosen
    ]
    nobody = Option(_NOBODY, say("staff.no_heir"))
    heir = yield Choose("heir", say("staff.ask_heir", name=name), *others, nobody)
    if (yield yes_or_no("sure", say("staff.dismiss_sure", name=name))) != YES:
        yield Finish(say("staff.not_done"))
    done = yield Do("dismiss", partial(_end, place, chosen, heir), lasting=True)
    yield Finish(refused(done) or say("staff.dismissed", name=name, count=done["drafts"]))


def _invite_again(place: int, chosen: int, lost: str, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refusal(refuse("not_allowed"))
    keeps = lost == _CODE
    done = appointments.invite_again(tx, actor, chosen, place or None, keeps=keeps)
    return _refusal(done) if isinstance(done, Refusal) else {"code": done}


def _cut_off(place: int, chosen: int, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    refusal = refuse("not_allowed")
    done = appointments.cut_off(tx, actor, chosen, place or None) if actor else refusal
    return _refusal(done) if isinstance(done, Refusal) else {"cut": done}


def _cut_off_others(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refusal(refuse("not_allowed"))
    return {"cut": appointments.cut_off_others(tx, actor, scene.contact_id)}


def _end(place: int, chosen: int, heir: int, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refusal(refuse("not_allowed"))
    done = appointments.dismiss(tx, actor, chosen, place or None, heir or None)
    return _refusal(done) if isinstance(done, Refusal) else {"drafts": done.drafts}


def _refusal(refusal: Refusal) -> Json:
    return {"refused": words_to_json(refusal.words)}


# What there is to see.


def _places(tx: Transaction, scene: Scene) -> Json:
    """The places whose staff somebody may see; the board's are the city and all schools."""
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return []
    city = [{"id": CITY_PLACE, "name": boards.board(tx, actor.board_id).name}]
    everywhere = actor.holds(frozenset({Role.BOARD}), None)
    theirs = [
        {"id": school.id, "name": school.name}
        for school in schools.schools_of(tx, actor.board_id)
        if everywhere or may_write(actor, school.id)
    ]
    return [*(city if may_write(actor, None) else []), *theirs]


def _office(place: int, tx: Transaction, scene: Scene) -> Json:
    """Who is there, and what this person may change."""
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return {"name": "", "members": [], "roles": [], "heirs": [], "own": 0}
    school_id = place or None
    found = appointments.members(tx, actor, school_id)
    where = schools.school(tx, school_id) if school_id else boards.board(tx, actor.board_id)
    return {
        "name": where.name,
        "members": [_shown(tx, actor, school_id, one) for one in found],
        "roles": _roles(actor, school_id),
        "heirs": [{"id": one.staff_id, "name": one.name} for one in found if one.reachable],
        "own": appointments.count_own_others(tx, actor),
    }


def _shown(tx: Transaction, actor: Actor, school_id: int | None, one: Member) -> Json:
    mine = one.staff_id != actor.staff_id
    mine = mine and all(may_name(actor, post.role, school_id) for post in one.posts)
    roles = lines([_post(tx, actor.board_id, post) for post in one.posts])
    key = "staff.member" if one.reachable else "staff.member_to_come"
    words = words_to_json(say(key, name=one.name, roles=roles))
    shown = {"id": one.staff_id, "name": one.name, "mine": mine, "words": words}
    return {**shown, "reachable": one.reachable}


def _post(tx: Transaction, board_id: int, post: Post) -> Words:
    role = say(f"invitation.role.{post.role.value}")
    if post.starts_at > tx.now:
        return say("staff.post_from", role=role, time=moment_of_board(tx, board_id, post.starts_at))
    if post.ends_at is not None:
        return say("staff.post_until", role=role, time=moment_of_board(tx, board_id, post.ends_at))
    return role


def _roles(actor: Actor, school_id: int | None) -> Sequence[str]:
    """The roles that somebody may give at a place."""
    fitting = (Role.OPERATOR, Role.DEPUTY, Role.MANAGER) if school_id else (Role.CENTRE, Role.BOARD)
    return [role.value for role in fitting if may_name(actor, role, school_id)]
