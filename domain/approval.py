"""Who may do what to a broadcast: the two-person rule."""

from __future__ import annotations

from dataclasses import dataclass

from domain.broadcasts import Verb
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_decide, may_write

# An emergency needs nobody's yes, and who was not reached is in what was approved already.
_WRITERS = (Verb.EDIT, Verb.SUBMIT, Verb.SEND_FIRST, Verb.RESEND)


@dataclass(frozen=True, slots=True)
class Authorship:
    """Whose broadcast it is: all who wrote or edited it, and who submitted this version."""

    school_id: int | None
    author_ids: frozenset[int]
    submitted_by: int | None

    def is_of(self, staff_id: int) -> bool:
        return staff_id in self.author_ids or staff_id == self.submitted_by


def may(
    actor: Actor, verb: Verb, authorship: Authorship, *, self_approval: bool = False
) -> Refusal | None:
    """None if the actor, with the roles they hold now, may; otherwise why not.

    Stopping is easier than starting: who may not approve their own may still return, reject
    or cancel it.
    """
    if verb in _WRITERS:
        return None if may_write(actor, authorship.school_id) else refuse("not_allowed")
    if verb in (Verb.CANCEL, Verb.WITHDRAW):
        return _may_stop(actor, authorship)
    if verb not in (Verb.APPROVE, Verb.RETURN, Verb.REJECT):
        return refuse("not_allowed")
    # Said first, because it is the truer reason for an author who is no manager either.
    if verb is Verb.APPROVE and authorship.is_of(actor.staff_id) and not self_approval:
        return refuse("own_broadcast")
    return None if may_decide(actor, authorship.school_id) else refuse("not_allowed")


def _may_stop(actor: Actor, authorship: Authorship) -> Refusal | None:
    is_author = authorship.is_of(actor.staff_id) and may_write(actor, authorship.school_id)
    allowed = is_author or may_decide(actor, authorship.school_id)
    return None if allowed else refuse("not_allowed")
