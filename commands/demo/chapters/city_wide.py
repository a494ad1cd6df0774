"""To the whole city: the centre writes, the board approves; a backup is made meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from commands.demo.chapters.composing import WHOLE_CITY, Notice, approve, submit, write
from commands.demo.telling import Telling
from commands.supervisor import command_line
from storage import accounts

NOTICE = Notice(
    "台風接近にともなう明日の対応について",
    "台風第19号の接近にともない、明日は市内すべての小中学校を臨時休業とします。\n"
    "ご家庭で安全にお過ごしください。",
    (WHOLE_CITY,),
    "disaster",
)
_BLOCKING = 20


def play(tell: Telling) -> None:
    _some_block(tell)
    write(tell, tell.people.centre, NOTICE)
    submit(tell, tell.people.centre)
    approve(tell, tell.people.board, NOTICE.subject)
    _backed_up(tell)


def _some_block(tell: Telling) -> None:
    """Families who gave mail too block us on Telegram, which nobody is told before the sending."""
    telegram = tell.scene.telegram
    with tell.reading() as tx:
        some = accounts.with_another(tx, telegram.name, "email", _BLOCKING)
    for person in some:
        telegram.does(person, "block", silent=True)
    words = f"{len(some)}人がTelegramでブロックしています。メールで届くはずです"
    tell.shows(bool(some), f"{words} / {len(some)} have blocked us: mail is their way")


def _backed_up(tell: Telling) -> None:
    """As the command does it, beside the workers."""
    folder = tell.scene.house.settings.var_dir
    file = Path(folder) / "backup.renrakumo"
    command = command_line(("backup", str(file), "--json"))
    tell.wait_until_begun()
    done = subprocess.run(command, env=dict(tell.scene.environment), capture_output=True)
    size = json.loads(done.stdout)["bytes"] / 1e6 if done.returncode == 0 else 0
    goes_on = tell.newest().finished_at is None
    when = "配信を続けながら / while it went out" if goes_on else "配信のあと / after it went out"
    tell.shows(bool(size), f"バックアップ / backup: {size:.1f} MB、{when}")
