"""Refusals: what an action answers instead of doing what was asked.

A refusal is a value and not an exception, so that the transaction in which it is recorded
commits.  Every code has its words under `refusal.<code>` in texts/*/refusal.po.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.wording import Text


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> Text:
        return Text(f"refusal.{self.code}", self.params)


def refuse(code: str, **params: object) -> Refusal:
    return Refusal(code, params)
