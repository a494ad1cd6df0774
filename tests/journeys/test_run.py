"""`renrakumo run` as a board runs it: all processes, a mail out, leaving by mail, a clean end."""

import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from actions import boards
from commands.demo.city import MAIL_ONLY, build_city
from commands.demo.fanout import approve_city_wide
from commands.house import House
from settings import PREFIX, SettingsApart
from storage import accounts, broadcasts
from tests.smtp_standin import SmtpStandin, free_port, smtp_standin

PATIENCE = 90.0


def wait(look: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < until, f"{what} did not happen"
        time.sleep(0.1)


def _environment(folder: Path, standin: SmtpStandin, web: int, mail_in: int) -> dict[str, str]:
    ours = {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'renrakumo.db'}",
        "LISTEN": f"127.0.0.1:{web}",
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "SMTP_URL": standin.url,
        "MAIL_FROM": "renraku@city.example",
        "MAIL_IN_LISTEN": f"127.0.0.1:{mail_in}",
        "MAIL_IN_DOMAIN": "in.city.example",
    }
    return {f"{PREFIX}{name}": value for name, value in ours.items()}


@contextmanager
def _running(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "run"],
            env=os.environ | environment,
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text()


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (URLError, ConnectionError):
        return False


def _counted(port: int) -> int:
    """What the web server says that the worker's provider accepted."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.search(
            r'renrakumo_outcomes_total{channel="email",outcome="accepted"} (\d+)',
            answer.read().decode(),
        )
    return int(found[1]) if found else 0


def _children(pid: int) -> dict[str, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            parent = re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())
            words = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if parent and int(parent[1]) == pid and "app" in words:
            found[" ".join(words[words.index("app") + 1 :])] = int(entry.name)
    return found


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _send_and_finish(house: House, body: str) -> int:
    broadcast_id = approve_city_wide(house, body)

    def finished() -> bool:
        with house.database.reading() as tx:
            return broadcasts.broadcast(tx, broadcast_id).finished_at is not None

    wait(finished, "the broadcast's end")
    return broadcast_id


def test_a_city_runs(tmp_path: Path) -> None:
    web, mail_in = free_port(), free_port()
    with smtp_standin() as standin:
        environment = _environment(tmp_path / "var", standin, web, mail_in)
        house = House(
            SettingsApart.model_validate(
                {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
            )
        )
        house.prepare()
        build_city(house.database, house.board_id, 60, MAIL_ONLY)
        with house.database.writing() as tx:
            boards.change_settings(tx, house.board_id, undo_seconds=0)
        with _running(environment, tmp_path / "run.log") as process:
            wait(lambda: _is_ready(web), "the web server")
            wait(lambda: len(_children(process.pid)) == 4, "four processes")
            first = _send_and_finish(house, "一通目")
            assert standin.stats()["messages"] == 60

            wait(lambda: _counted(web) == 60, "the worker's counts")
            _killed_children_come_back(process.pid, web)
            _leave_by_mail(standin, mail_in)
            with house.database.reading() as tx:
                recipients = len(accounts.lines(tx, first, "email"))

            def left() -> bool:
                second = _send_and_finish(house, "二通目")
                with house.database.reading() as tx:
                    return len(accounts.lines(tx, second, "email")) == recipients - 1

            wait(left, "the leaving")
            children = _children(process.pid)
        assert all(_is_gone(pid) for pid in children.values())
        house.close()


def _killed_children_come_back(pid: int, web: int) -> None:
    before = _children(pid)
    for child in before.values():
        os.kill(child, signal.SIGKILL)

    def back() -> bool:
        now = _children(pid)
        return len(now) == 4 and not set(now.values()) & set(before.values())

    wait(back, "the children's return")
    wait(lambda: _is_ready(web), "the web server's return")


def _leave_by_mail(standin: SmtpStandin, port: int) -> None:
    """As a mail program does that follows List-Unsubscribe's mailto."""
    newest = standin.messages()[0]
    header = str(standin.message(newest["sequence"])["headers"])
    address = re.search(r"leave-[\w-]+@in\.city\.example", header)
    assert address is not None, header

    def accepted() -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
                smtp.sendmail("anyone@example.jp", [address[0]], b"Subject: leave\r\n\r\n\r\n")
        except ConnectionError:
            return False
        return True

    wait(accepted, "the intake's return")
