"""`renrakumo demo`: the whole way of a broadcast, with made-up people and stand-ins."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from actions import boards
from commands.demo.accounts import Account, account
from commands.demo.cast import Cast, cast
from commands.demo.chapters import CHAPTERS, SIGNING_ON
from commands.demo.city import GUARDIANS, build_city
from commands.demo.phone import NoAnswer
from commands.demo.stage import progress_of
from commands.demo.story import play
from commands.demo.telling import WIDTH, Telling
from commands.demo.theatre import (
    Theatre,
    free_address,
    let_people_arrive,
    running,
    set_telegram_up,
    theatre,
    wait_until_ready,
)
from commands.house import House
from commands.printing import FOUND, fail, print_table
from commands.supervisor import PARTS
from storage import broadcasts
from web.services import Progress as Standing

UNDO_SECONDS = 1  # Short enough to wait for; one chapter shows undoing with what boards have.


@click.command()
@click.option("--once", is_flag=True, help="Play the story, print the report and stop.")
@click.option("--json", "report_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--guardians", default=GUARDIANS, show_default=True, help="Size of the city.")
@click.option("--stage", is_flag=True, help="Tell no story: sign the staff on and serve /demo.")
@click.pass_obj
def demo(house: House, once: bool, report_file: Path | None, guardians: int, stage: bool) -> None:
    """Play the story in the terminal, then serve it at /demo to play by hand."""
    began = time.monotonic()
    console = _console()
    listen = free_address(house.settings.listen)
    folder = house.settings.var_dir / "demo"
    is_clean = True
    with _open_demo(console, folder, listen, guardians) as (scene, people):
        tell = Telling(scene, people, console)
        with _breaking_off():
            took = play(tell, (SIGNING_ON,) if stage else CHAPTERS)
        if not stage:
            is_clean = _end(tell, report_file)
            _tell_time(took, time.monotonic() - began, console)
        if not once:
            _serve(scene, console)
    if not is_clean:
        raise SystemExit(FOUND)


def _console() -> Console:
    """As wide as the story is told; where nobody looks, a pipe is as wide as that too."""
    console = Console(highlight=False)
    wide = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return Console(highlight=False, width=wide)


@contextmanager
def _breaking_off() -> Iterator[None]:
    """Say in words what was missing where the story breaks off."""
    try:
        yield
    except NoAnswer as silence:
        raise fail(f"the story broke off: {silence}") from silence


def _end(tell: Telling, report_file: Path | None) -> bool:
    """See the last broadcast go out to the whole city, and count it; whether it is clean."""
    done = _fan_out(tell.scene, tell.newest().id, tell.console)
    _tell(done, tell.console)
    if report_file is not None:
        report_file.write_text(json.dumps(done.as_dict(), indent=2) + "\n")
    return done.is_clean


def _tell_time(took: list[tuple[str, float]], whole: float, console: Console) -> None:
    console.print()
    print_table(("s", "chapter"), [(f"{seconds:.1f}", title) for title, seconds in took])
    console.print(f"全体 / everything: {whole:.0f} 秒 (s)")


@contextmanager
def _open_demo(
    console: Console, folder: Path, listen: str, guardians: int
) -> Iterator[tuple[Theatre, Cast]]:
    """The made-up city with its web server and worker running."""
    with theatre(folder, listen, demo=True) as scene:
        house = scene.house
        with console.status(f"45校・保護者{guardians:,}人のまちをつくっています… / making a city…"):
            city = build_city(house.database, house.board_id, guardians)
            with house.database.writing() as tx:
                boards.change_settings(tx, house.board_id, undo_seconds=UNDO_SECONDS, telegram=True)
            people = cast(scene, city)
            let_people_arrive(scene)
        with running(PARTS, scene.environment, folder / "demo.log"):
            wait_until_ready(scene.local_url)
            set_telegram_up(scene)
            yield scene, people


def _fan_out(scene: Theatre, broadcast_id: int, console: Console) -> Account:
    """Watch a broadcast go out, and count it when the last outcome is there."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("配信中 / sending", total=None)
        progress = _progress(scene, broadcast_id)
        while not progress.finished:
            time.sleep(0.2)
            progress = _progress(scene, broadcast_id)
            total = sum(c.recipients for c in progress.channels.values())
            waiting = sum(c.waiting for c in progress.channels.values())
            bar.update(task, completed=total - waiting, total=total or None)
    return account(scene, broadcast_id)


def _progress(scene: Theatre, broadcast_id: int) -> Standing:
    with scene.house.database.reading() as tx:
        return progress_of(tx, broadcasts.broadcast(tx, broadcast_id))


def _tell(done: Account, console: Console) -> None:
    console.print(
        f"\n[bold]配信結果 / report[/]  {done.seconds} 秒 (s)   "
        f"家庭 families {done.families['total']:,}   "
        f"未達 not reached {done.families['not_reached']:,}"
    )
    columns = ("channel", "recipients", "accepted", "refused", "unknown", "lost", "doubled")
    print_table(
        columns,
        [
            (name, c.recipients, c.accepted, c.refused, c.unknown, c.lost, c.doubled)
            for name, c in done.channels.items()
        ],
    )


def _serve(scene: Theatre, console: Console) -> None:
    """Leave the stage to the visitor until Ctrl-C."""
    console.print(f"\n[bold]{scene.local_url}/demo[/]  (Ctrl-C で終わります / to stop)")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("終わります。 / Stopping.")
