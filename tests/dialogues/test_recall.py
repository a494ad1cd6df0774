"""取消, 撤回 and what follows, in chat."""

from __future__ import annotations

from sqlalchemy import update

from actions import broadcasts, staff
from actions.previews import ref_of
from delivery import aftermath, schedule
from domain.audience import Part
from domain.broadcasts import Purpose, Relation, State
from domain.cards import CardVerb, card_token, label
from domain.content import Content
from domain.deliveries import ChunkRule
from domain.follow_ups import Follows, read
from domain.roles import Role
from domain.wording import render
from storage import quotas
from storage.tables import Broadcast, Chunk, Delivery
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import the_broadcast

RULES = {"webchat": ChunkRule(500, 1, keyed=False)}


def approved(town: Town, teacher: Person, principal: Person) -> None:
    """The teacher's broadcast to the whole school."""
    town.families()
    content = Content(
        purpose=Purpose.EVENT,
        subject="運動会は中止です",
        body="雨のため中止します。",
        audience=(Part("school", town.school_id),),
    )
    with town.database.writing() as tx:
        author, decider = (staff.actor_of(tx, each.contact_id) for each in (teacher, principal))
        assert author
        assert decider
        saved = broadcasts.save_draft(tx, author, town.school_id, content)
        assert isinstance(saved, broadcasts.Saved)
        assert isinstance(broadcasts.submit(tx, author, saved.ref), broadcasts.Submitted)
        assert isinstance(broadcasts.approve(tx, decider, saved.ref), broadcasts.Approved)
    for each in (teacher, principal):
        each.listens()


def sending(town: Town, teacher: Person, principal: Person) -> None:
    approved(town, teacher, principal)
    town.clock.forward(minutes=1)
    schedule.tick_due(town.database, RULES)


def settled(town: Town, reached: int) -> None:
    """So many deliveries are accepted, all others refused, and the broadcast is sent."""
    with town.database.writing() as tx:
        for which, state in (
            (Delivery.id <= reached, "accepted"),
            (Delivery.id > reached, "refused"),
        ):
            statement = update(Delivery).where(which, Delivery.settled_at.is_(None))
            tx.session.execute(statement.values(state=state, settled_at=tx.now))
        tx.session.execute(update(Chunk).values(state="done"))
        quotas.note(tx, "webchat", "webchat", None, 0)
    schedule.tick_finish(town.database)


def broadcast(town: Town, number: int) -> Broadcast:
    with town.database.reading() as tx:
        return tx.session.get_one(Broadcast, number)


def test_what_is_approved_is_called_off(town: Town, teacher: Person, principal: Person) -> None:
    approved(town, teacher, principal)
    bot = Bot(teacher)
    teacher.says("取消")
    bot.answers("1 運動会は中止です（承認済み・送信前）")
    teacher.says("1")
    bot.answers("送りません。よろしいですか")
    teacher.says("はい")
    bot.answers("取り消しました")
    assert the_broadcast(town).state == State.CANCELLED


def test_what_began_to_be_sent_meanwhile_comes_back_as_that(
    town: Town, teacher: Person, principal: Person
) -> None:
    approved(town, teacher, principal)
    bot = Bot(teacher)
    teacher.says("取消")
    teacher.says("1")
    town.clock.forward(minutes=1)
    schedule.tick_due(town.database, RULES)
    teacher.says("はい")
    bot.answers("承認済みです", "1 運動会は中止です（送信中）")
    teacher.says("1")
    bot.answers("撤回します", "理由を送ってください")


def test_withdrawing_and_the_correction_that_is_ready(
    town: Town, teacher: Person, principal: Person
) -> None:
    sending(town, teacher, principal)
    settled(town, reached=6)
    bot = Bot(teacher)
    teacher.says("/recall")
    bot.answers("1 運動会は中止です（送信済み）")
    teacher.says("1")
    bot.answers("すでに届いたメールやLINEの文面は消せません")
    teacher.says("日付を間違えました。")
    bot.answers("元には戻せません")
    teacher.says("はい。")
    bot.answers("撤回しました", "訂正を送る", "差し替える")
    assert broadcast(town, 1).state == State.WITHDRAWN
    principal.listens()
    Bot(principal).answers("山田先生が撤回しました", "日付を間違えました。")
    aftermath.tick_withdrawn(town.database)
    teacher.listens()
    bot.answers("6家庭のうち6家庭分")
    teacher.taps("訂正を送る")
    bot.answers("雨のため中止します。", "正しい内容を送ってください")
    teacher.says("運動会は日曜日に延期します。")
    bot.answers("【誤】として載せますか")
    teacher.says("はい")
    bot.answers("件名：【訂正】運動会は中止です", "【正】\n運動会は日曜日に延期します。")
    bot.answers("【誤】\n雨のため中止します。", "承認を依頼")
    made = the_broadcast(town)
    assert read(made.options) == Follows(Relation.CORRECTION, 1)
    teacher.taps("承認を依頼")
    bot.answers("承認を依頼しました")
    principal.listens()
    Bot(principal).answers("【訂正】運動会は中止です")


def test_a_correction_that_is_kept_can_be_taken_up_again(
    town: Town, teacher: Person, principal: Person
) -> None:
    """It still goes to those reached, and to nobody else."""
    sending(town, teacher, principal)
    settled(town, reached=6)
    with town.database.reading() as tx:
        ref = ref_of(tx.session.get_one(Broadcast, 1))
        token = card_token(tx.secret, ref, CardVerb.CORRECT)
    teacher.presses(token)
    teacher.says("日曜日です。")
    teacher.says("いいえ")
    audience = the_broadcast(town).audience
    teacher.says("修正する")
    teacher.says("件名")
    teacher.says("訂正します")
    Bot(teacher).answers("件名：訂正します")
    assert the_broadcast(town).audience == audience == [{"kind": "reached", "id": 1}]
    assert read(the_broadcast(town).options) == Follows(Relation.CORRECTION, 1)


def test_a_replacement_goes_to_the_same_audience(
    town: Town, teacher: Person, principal: Person
) -> None:
    sending(town, teacher, principal)
    bot = Bot(teacher)
    teacher.says("差し替える 1-1")
    bot.answers("新しい本文をすべて送ってください")
    teacher.says("運動会は日曜日に延期します。")
    bot.answers("件名：【差し替え】運動会は中止です", "全校（第一小学校）", "6家庭")
    teacher.taps("承認を依頼")
    principal.taps("承認")
    town.clock.forward(minutes=1)
    schedule.tick_due(town.database, RULES)
    assert broadcast(town, 1).state == State.WITHDRAWN
    assert broadcast(town, 2).state == State.SENDING


def test_the_card_asks_above_whatever_is_open(
    town: Town, teacher: Person, principal: Person
) -> None:
    sending(town, teacher, principal)
    teacher.says("作成")
    teacher.says("撤回する 1-1")
    Bot(teacher).answers("理由を送ってください")
    teacher.says("間違い")
    teacher.says("いいえ")
    Bot(teacher).answers("何も変えていません", "何の連絡ですか")
    teacher.says("訂正を送る 1-1")
    Bot(teacher).answers("やりとりの途中です")
    assert broadcast(town, 1).state == State.SENDING


def test_a_stranger_sees_nothing_to_stop(
    town: Town, teacher: Person, principal: Person, guardian: Person
) -> None:
    sending(town, teacher, principal)
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の先生", Role.OPERATOR, other)
    stranger.says("取消")
    Bot(stranger).answers("止められる連絡はありません")
    for verb in (CardVerb.WITHDRAW, CardVerb.CORRECT, CardVerb.REPLACE, CardVerb.RESEND):
        typed = f"{render(label(verb), 'ja')} 1-1"
        for person in (stranger, guardian):
            assert "権限がありません" in person.says(typed), verb
    assert broadcast(town, 1).state == State.SENDING


def test_where_a_group_is_gone_it_is_asked_for_whom_it_is(
    town: Town, teacher: Person, principal: Person
) -> None:
    sending(town, teacher, principal)
    with town.database.writing() as tx:
        tx.session.get_one(Broadcast, 1).audience = [{"kind": "group", "id": 999}]
    bot = Bot(teacher)
    teacher.says("差し替える 1-1")
    bot.answers("もうないグループが入っています", "だれに送りますか")
    teacher.says("全校")
    bot.answers("新しい本文をすべて送ってください")
    teacher.says("運動会は日曜日に延期します。")
    bot.answers("件名：【差し替え】運動会は中止です", "全校（第一小学校）", "6家庭")
    assert read(the_broadcast(town).options) == Follows(Relation.REPLACEMENT, 1)


# 再送.


def test_sending_again_to_those_not_reached(town: Town, teacher: Person, principal: Person) -> None:
    sending(town, teacher, principal)
    settled(town, reached=2)
    bot = Bot(teacher)
    teacher.says("再送")
    bot.answers("1 運動会は中止です（未達4家庭）")
    teacher.says("1")
    bot.answers("今なら送れる家庭：4", "届いた家庭には送りません")
    teacher.says("はい")
    bot.answers("送信が終わったばかりです")
    town.clock.forward(minutes=5)
    teacher.says("届いていない方へ再送 1-1")
    teacher.says("はい")
    bot.answers("4家庭（4件の宛先）に再送します")
    assert broadcast(town, 1).state == State.SENDING
    assert aftermath.tick_resent(town.database, RULES) == 1
    settled(town, reached=6)
    teacher.listens()
    bot.answers("6家庭のうち6家庭分")
    teacher.says("再送")
    bot.answers("再送の必要なものはありません")
    teacher.says("届いていない方へ再送 1-1")
    bot.answers("届いていない家庭はありません")


# 本物か確認.


def test_anybody_may_ask_whether_it_is_real(
    town: Town, teacher: Person, principal: Person, guardian: Person, bot: Bot
) -> None:
    sending(town, teacher, principal)
    code = broadcast(town, 1).verify_code
    guardian.says("本物ですか？")
    bot.answers("確認番号を送ってください")
    guardian.says("わかりません")
    bot.answers("読み取れませんでした")
    guardian.says(f"確認番号 {code}")
    bot.answers("本当に第一小学校が送ったものです", "件名：運動会は中止です")
    guardian.says(f"{code}")
    bot.answers("本当に第一小学校が送ったものです")
    guardian.says("K7Q3-M9XP")
    bot.answers("こちらからは送っていません", "学校へ")
    bot.does_not_say("学校IDが見つかりません")
    assert guardian.dialogue() is None
