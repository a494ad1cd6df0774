"""状況: whom the newest broadcasts have reached, and what can be done about the others."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import staff, statuses
from bot.steps import Choose, Do, Finish, Given, Json, Option, Scene, Script, Show, flow
from domain.refusals import refuse
from domain.speech import Speech, speak
from domain.wording import say
from storage.database import Transaction

_SHOWN = 10
_SUBJECT = 30


@flow("reports", version=1, idle=timedelta(days=1))
def reports(given: Given) -> Script:  # noqa: ARG001 - every script has it
    sent = yield Do("sent", _sent)
    if not sent:
        yield Finish(say("report.none"))
    chosen = sent[0]["id"]
    if len(sent) > 1:
        options = [
            Option(each["id"], say(f"report.option.{each['state']}", subject=each["subject"]))
            for each in sent
        ]
        chosen = yield Choose("broadcast", say("report.which"), *options)
    shown = yield Do("status", partial(_status, chosen))
    yield Show(Speech.from_json(shown))
    yield Finish()


def _sent(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    rows = statuses.newest(tx, actor, _SHOWN) if actor else ()
    return [{"id": row.id, "state": row.state, "subject": row.subject[:_SUBJECT]} for row in rows]


def _status(broadcast_id: int, tx: Transaction, scene: Scene) -> Json:
    """The report now; a role may have ended since the list was shown."""
    actor = staff.actor_of(tx, scene.contact_id)
    shown = statuses.status(tx, actor, broadcast_id) if actor else None
    return (shown or speak(refuse("not_allowed").words)).to_json()
