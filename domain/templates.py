"""Ready texts (定型文) with slots that are filled in: 「〔時刻〕に下校します。」."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from domain.broadcasts import Purpose
from domain.folding import fold
from domain.graphemes import clusters

NAME_LIMIT = 100
SLOT_LIMIT = 200
# As many as anybody answers one after the other.
MOST_SLOTS = 20

# Only brackets that hardly ever stand in a notice itself: 【】 and ＜＞ make headings there.
_SLOT = re.compile(r"〔([^〔〕{}｛｝\n]{1,30})〕|[{｛]([^〔〕{}｛｝\n]{1,30})[}｝]")

# What is ready for an emergency from the first day on, by the names of its texts.
PRESETS: Mapping[Purpose, tuple[str, ...]] = MappingProxyType(
    {
        Purpose.EARTHQUAKE: ("hand_over", "all_safe", "stay_home"),
        Purpose.DISASTER: ("closed", "starts_late", "ends_early", "hand_over"),
        Purpose.ACCIDENT: ("in_groups", "watch", "hand_over", "accident"),
    }
)


def slots(*texts: str) -> tuple[str, ...]:
    """The names of the slots in some texts, each once, in the order in which they first come."""
    found = (_name(match) for text in texts for match in _SLOT.finditer(text))
    return tuple(dict.fromkeys(name for name in found if name))


def fill(text: str, values: Mapping[str, str]) -> str:
    """A text with its slots filled in; one that has no value stays as it is."""
    return _SLOT.sub(lambda match: values.get(_name(match), match[0]), text)


def split(text: str, most: int) -> tuple[str, str]:
    """Subject and body of a text typed in one go: its first line is the subject.

    Where there is but one line, it is both; a long one is cut short in the subject only.
    """
    first, _, rest = text.strip().partition("\n")
    line, body = first.strip(), rest.strip()
    if len(line) <= most:
        return line, body or line
    return _cut(line, most - 1) + "…", text.strip()


def _cut(line: str, most: int) -> str:
    """As much of the start as fits, without tearing a character apart."""
    cut = ""
    for cluster in clusters(line[: most + 1])[:-1]:
        if len(cut) + len(cluster) > most:
            break
        cut += cluster
    return cut


def _name(match: re.Match[str]) -> str:
    return fold(match[1] or match[2])
