"""All kinds of dialogues, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.dialogues.compose import compose
from bot.dialogues.decide import decide
from bot.dialogues.invitation import invitation
from bot.dialogues.leave import leave, status
from bot.dialogues.lists import drafts, pending
from bot.dialogues.menu import language, menu
from bot.dialogues.register import register
from bot.dialogues.scheduled import scheduled
from bot.steps import Flow

_ALL = (
    register,
    status,
    leave,
    invitation,
    compose,
    drafts,
    pending,
    scheduled,
    decide,
    menu,
    language,
)

FLOWS: Mapping[str, Flow] = MappingProxyType({flow.name: flow for flow in _ALL})
