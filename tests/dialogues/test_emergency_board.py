"""An emergency of a school comes to the board: nobody there took note of it."""

from __future__ import annotations

from delivery.escalation import tick_escalate
from domain.roles import Role
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_emergency import refused_verbs, sends, the_report


def test_the_board_takes_note_with_the_same_buttons(
    town: Town, teacher: Person, principal: Person
) -> None:
    """Before it was told it is turned away like everybody else."""
    town.families()
    member = town.staff("教育長", Role.BOARD)
    centre = town.staff("職員", Role.CENTRE)
    sends(teacher)
    member.says("確認しました(報告) 1-2")
    Bot(member).answers("権限がありません")
    town.clock.forward(minutes=30)
    tick_escalate(town.database)
    assert "教育委員会へお知らせします" in member.listens()
    assert "再度のお願い" not in principal.listens()
    for press in ("承認 1-2", "表示 1-2", "修正 1-2"):
        member.says(press)
        Bot(member).does_not_say("学校で引き渡します")
    centre.says("確認しました(報告) 1-2")
    Bot(centre).answers("権限がありません")
    member.taps("所見を書く")
    member.says("校長に電話しました。")
    Bot(member).answers("所見を記録しました")
    principal.taps("確認しました（報告）")
    Bot(principal).answers("教育長さんが", "確認しています")
    principal.says("表示 1-2")
    Bot(principal).answers("学校で引き渡します", "山田先生が", "校長に電話しました。")
    assert the_report(town).remarks == "校長に電話しました。"
    assert "acknowledge" in dict.fromkeys(verb for _, verb in refused_verbs(town))
