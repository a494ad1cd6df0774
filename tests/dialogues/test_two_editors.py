"""Two people who edit one broadcast: nobody overwrites what the other made."""

from __future__ import annotations

from domain.roles import Role
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import SHORT, composes, the_broadcast


def test_two_who_edit_one_broadcast(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    colleague = town.staff("同僚", Role.OPERATOR)
    composes(teacher, *SHORT, "承認を依頼")
    composes(colleague, "修正 1-1")
    composes(teacher, "修正 1-1", "修正する", "本文", "直した本文", "承認を依頼")
    composes(principal, "承認 1-2")
    bot = composes(colleague, "修正する", "件名", "古い本文のままの件名")
    bot.answers("ほかの方がこの配信を直しました", "修正 1-2")
    assert colleague.dialogue() is None
    row = the_broadcast(town)
    assert (row.state, row.version, row.body) == ("approved", 2, "直した本文")
    colleague.taps("修正")
    bot.answers("直した本文")
    composes(colleague, "修正する", "件名", "新しい件名")
    row = the_broadcast(town)
    assert (row.state, row.subject, row.body) == ("draft", "新しい件名", "直した本文")
    principal.listens()
    Bot(principal).answers("同僚さんが直すために取り下げました")


def test_an_old_version_is_not_submitted(town: Town, teacher: Person) -> None:
    town.families()
    colleague = town.staff("同僚", Role.OPERATOR)
    composes(teacher, *SHORT)
    composes(colleague, "修正 1-1", "修正する", "件名", "直した件名")
    bot = composes(teacher, "承認を依頼")
    bot.answers("ほかの方がこの配信を直しました", "修正 1-2")
    assert teacher.dialogue() is None
    assert the_broadcast(town).state == "draft"
