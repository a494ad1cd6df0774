"""What an audience can be made of, and how it is laid out so that a telephone shows it.

Everything is named by a value that a log can hold: a group (for the city a school) by its
number, a group across schools as "group:12", the whole as "whole", what is left out as "not:12".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.dialogues.classes import ClassNames
from bot.steps import Json, Option
from domain.folding import fold_dashes, fold_word
from domain.groups import GroupKind
from domain.wording import LANGUAGES, Words, render, say

WHOLE = "whole"
TOP = "top"
# As many as LINE has buttons for, beside the choices that every page has.
MOST_ON_PAGE = 9

_PAGE = "page:"
_OF_SCHOOL_KIND = "school:"
_ACROSS = "across"
_IN = "in:"
_OF_KIND = "kind:"
_GRADE = re.compile(r"(\d{1,2})年")


@dataclass(frozen=True, slots=True)
class Node:
    """A group, or for the city a school, and the group that it hangs beneath."""

    value: Json
    name: str
    kind: str
    above: Json


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several nodes that are chosen by one name: all primary schools, the classes of a grade."""

    value: str
    words: Words
    members: tuple[Json, ...]


class Offer:
    """All that can be chosen at a place, in its order."""

    def __init__(self, listed: Sequence[Json], *, is_city: bool) -> None:
        self.is_city = is_city
        self.nodes = {
            each["id"]: Node(each["id"], each["name"], each["kind"], each["above"])
            for each in listed
        }
        self._holds: dict[Json, set[Json]] = {value: set() for value in self.nodes}
        for each in listed:
            if each["above"] in self._holds:
                self._holds[each["above"]].add(each["id"])
            self._holds[each["id"]] |= {part for part in each["parts"] if part in self.nodes}
        self._beneath: dict[Json, frozenset[Json]] = {}
        bundles = _kinds(self.nodes.values()) if is_city else self._grades()
        self.bundles: Mapping[str, Bundle] = {each.value: each for each in bundles}

    @cached_property
    def grades(self) -> list[Json]:
        """Groups for grades, and those that only the names of the classes tell of."""
        groups = [node.value for node in self.nodes.values() if node.kind == GroupKind.GRADE]
        return [*groups, *self.bundles]

    @cached_property
    def spelled(self) -> Mapping[str, Sequence[Json]]:
        """What each spelling of a name may mean, in any language: dear to make."""
        found: dict[str, list[Json]] = {}
        for value in (*self.nodes, *self.bundles):
            names = {render(self.words(value), language) for language in LANGUAGES}
            for spelling in {fold_dashes(fold_word(name)) for name in names}:
                found.setdefault(spelling, []).append(value)
        return found

    @cached_property
    def class_names(self) -> ClassNames:
        classes = [node for node in self.nodes.values() if node.kind == GroupKind.CLASS]
        return ClassNames([{"id": node.value, "name": node.name} for node in classes])

    def words(self, value: Json) -> Words:
        if value == WHOLE:
            return say("compose.whole_city" if self.is_city else "compose.whole_school")
        if value in self.bundles:
            return self.bundles[value].words
        return say("bot.name", name=self.nodes[value].name)

    def expand(self, value: Json) -> tuple[Json, ...]:
        """The nodes that a choice stands for; nothing for what is gone."""
        if value in self.bundles:
            return self.bundles[value].members
        return (value,) if value == WHOLE or value in self.nodes else ()

    def beneath(self, value: Json) -> frozenset[Json]:
        """All that lies in a node, but itself."""
        if value == WHOLE:
            return frozenset(self.nodes)
        if value in self._beneath:
            return self._beneath[value]
        found = set[Json]()
        new = set(self._holds.get(value, ()))
        while new:
            found |= new
            new = {one for each in new for one in self._holds[each]} - found
        self._beneath[value] = frozenset(found - {value})
        return self._beneath[value]

    def is_beneath(self, value: Json, picked: Iterable[Json]) -> bool:
        return any(value in self.beneath(each) for each in picked)

    # Pages.

    def page(self, name: str, allowed: Collection[Json]) -> list[Option]:
        """What a page offers of what is allowed: nodes, bundles, and ways to further pages."""
        name, _, part = name.partition("#")
        entries = self._entries(name, [value for value in self.nodes if value in allowed])
        if len(entries) <= MOST_ON_PAGE:
            return entries
        turn = int(part or 0)
        first = turn * MOST_ON_PAGE
        shown = entries[first : first + MOST_ON_PAGE]
        if first + MOST_ON_PAGE < len(entries):
            shown.append(_link(f"{name}#{turn + 1}", say("audience.page.more")))
        return shown

    def _entries(self, name: str, allowed: Sequence[Json]) -> list[Option]:
        if len(allowed) <= MOST_ON_PAGE:
            return [*self._whole_bundles(allowed), *self._options(allowed)]
        if name.startswith(_IN):
            within = self._classes_in(name.removeprefix(_IN))
            return self._options([value for value in allowed if value in within])
        if name == GroupKind.CLASS:
            return self._classes(allowed)
        if name == _ACROSS and not self.is_city:
            return self._others(allowed)
        if name == TOP:
            return self._city_top(allowed) if self.is_city else self._school_top(allowed)
        return self._options(self._of_kind(allowed, name.removeprefix(_OF_KIND)))

    def _school_top(self, allowed: Sequence[Json]) -> list[Option]:
        entries = self._options(self._allowed_grades(allowed))
        if self._of_kind(allowed, GroupKind.CLASS):
            entries.append(_link(GroupKind.CLASS, say("audience.page.classes")))
        others = self._without_classes(allowed)
        if others:
            entries.append(_link(_ACROSS, say("audience.page.others")))
        return entries

    def _city_top(self, allowed: Sequence[Json]) -> list[Option]:
        kinds = dict.fromkeys(self.nodes[value].kind for value in allowed)
        links = [_link(f"{_OF_KIND}{kind}", say(f"audience.page.{kind}")) for kind in kinds]
        return [*self._whole_bundles(allowed), *links]

    def _classes(self, allowed: Sequence[Json]) -> list[Option]:
        classes = self._of_kind(allowed, GroupKind.CLASS)
        if len(classes) <= MOST_ON_PAGE:
            return self._options(classes)
        of_grade: dict[str, list[Json]] = {}
        for value in classes:
            of_grade.setdefault(self.grade_of(value), []).append(value)
        return [
            option
            for grade, members in of_grade.items()
            for option in (
                [_link(f"{_IN}{grade}", say("audience.page.in", grade=grade))]
                if len(members) > 1
                else self._options(members)
            )
        ]

    def _others(self, allowed: Sequence[Json]) -> list[Option]:
        others = self._without_classes(allowed)
        if len(others) <= MOST_ON_PAGE:
            return self._options(others)
        kinds = dict.fromkeys(self.nodes[value].kind for value in others)
        return [_link(f"{_OF_KIND}{kind}", say(f"audience.page.{kind}")) for kind in kinds]

    def _classes_in(self, grade: str) -> set[Json]:
        return {
            value
            for value in self._of_kind(list(self.nodes), GroupKind.CLASS)
            if self.grade_of(value) == grade
        }

    def grade_of(self, value: Json) -> str:
        """What the grade of a class is called: as the group above it, or as its name begins."""
        node = self.nodes[value]
        above = self.nodes.get(node.above)
        return above.name if above else _grade_in(node.name)

    def _whole_bundles(self, allowed: Collection[Json]) -> list[Option]:
        """Bundles of schools; those of classes are grades, which a short list has no need of."""
        if not self.is_city:
            return []
        return self._options(
            each.value for each in self.bundles.values() if set(each.members) <= set(allowed)
        )

    def _allowed_grades(self, allowed: Collection[Json]) -> list[Json]:
        return [each for each in self.grades if set(self.expand(each)) <= set(allowed)]

    def _without_classes(self, allowed: Iterable[Json]) -> list[Json]:
        of_classes = (GroupKind.GRADE, GroupKind.CLASS)
        return [value for value in allowed if self.nodes[value].kind not in of_classes]

    def _of_kind(self, allowed: Iterable[Json], kind: str) -> list[Json]:
        return [value for value in allowed if self.nodes[value].kind == kind]

    def _options(self, values: Iterable[Json]) -> list[Option]:
        return [Option(value, self.words(value)) for value in values]

    def _grades(self) -> list[Bundle]:
        """The grades that no group stands for, made of the classes that lie in none."""
        alone = [
            node
            for node in self.nodes.values()
            if node.kind == GroupKind.CLASS and node.above not in self.nodes
        ]
        names = dict.fromkeys(_grade_in(node.name) for node in alone)
        bundles = []
        for name in names:
            members = tuple(node.value for node in alone if _grade_in(node.name) == name)
            if len(members) > 1:
                bundles.append(Bundle(f"grade:{name}", say("bot.name", name=name), members))
        return bundles


def _grade_in(name: str) -> str:
    """The grade that a class's name begins with; one without stands for itself."""
    found = _GRADE.match(fold_word(name))
    return found[0] if found else name


def is_page(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(_PAGE)


def page_of(value: str) -> str:
    return value.removeprefix(_PAGE)


def back_to_top() -> Option:
    return _link(TOP, say("audience.page.top"))


def school_kind(kind: str) -> str:
    """The kind of a node that is a school."""
    return f"{_OF_SCHOOL_KIND}{kind}"


def across() -> str:
    """The kind of a node of the city that is a group."""
    return _ACROSS


def _kinds(nodes: Iterable[Node]) -> list[Bundle]:
    """All schools of a kind."""
    schools: dict[str, list[Json]] = {}
    for node in nodes:
        if node.kind.startswith(_OF_SCHOOL_KIND):
            schools.setdefault(node.kind, []).append(node.value)
    return [
        Bundle(f"all:{kind}", say(f"audience.all.{kind}"), tuple(members))
        for kind, members in schools.items()
        if len(members) > 1
    ]


def _link(page: str, words: Words) -> Option:
    return Option(f"{_PAGE}{page}", words)
