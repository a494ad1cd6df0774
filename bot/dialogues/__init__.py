"""All kinds of dialogues, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.dialogues.admissions import admissions_flow
from bot.dialogues.compose import compose
from bot.dialogues.contacts import contacts
from bot.dialogues.decide import decide
from bot.dialogues.emergency import emergency
from bot.dialogues.groups import groups
from bot.dialogues.invitation import invitation
from bot.dialogues.leave import leave, status
from bot.dialogues.lists import drafts, pending
from bot.dialogues.mail_form import arrival, mail_form
from bot.dialogues.manage_groups import manage_groups
from bot.dialogues.menu import language, menu
from bot.dialogues.new_phone import link_contact, new_phone
from bot.dialogues.recall import follow_up, recall, withdraw
from bot.dialogues.register import register
from bot.dialogues.remark import remark
from bot.dialogues.reports import reports
from bot.dialogues.resend import resend
from bot.dialogues.scheduled import scheduled
from bot.dialogues.school_id import school_id
from bot.dialogues.school_settings import school_settings
from bot.dialogues.slips import slips
from bot.dialogues.staff import staff_flow
from bot.dialogues.templates import templates
from bot.dialogues.unreached_mail import unreached_mail
from bot.dialogues.verify import verify
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
    staff_flow,
    reports,
    decide,
    emergency,
    remark,
    templates,
    recall,
    withdraw,
    follow_up,
    resend,
    verify,
    admissions_flow,
    school_id,
    slips,
    school_settings,
    manage_groups,
    groups,
    menu,
    language,
    contacts,
    new_phone,
    link_contact,
    mail_form,
    arrival,
    unreached_mail,
)

FLOWS: Mapping[str, Flow] = MappingProxyType({flow.name: flow for flow in _ALL})
