"""`restore`: putting a backup in the place of the database, and going on from it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from actions import restoring
from actions.restoring import Resumed
from commands.backup import key_files
from commands.house import House
from commands.printing import fail, json_option, print_json
from delivery import journal
from domain.outcomes import Accepted
from storage import backups, dumps, migrate, resuming
from storage.backups import BackupBroken, Manifest
from storage.database import Database
from storage.dumps import DumpBroken, InUse
from storage.postgresql_programs import ProgramFailed, ProgramMissing


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a database that is not empty.")
@json_option
@click.pass_obj
def restore(house: House, file: Path, force: bool, as_json: bool) -> None:
    """Put the backup FILE in the place of the database; stop everything first.

    What was there is kept aside. What was being sent is sent on, and counted as perhaps twice.
    """
    _refuse_without_keys(house)
    try:
        manifest, aside, done = _restored(house, file, force)
    except (BackupBroken, DumpBroken, InUse, ProgramFailed, ProgramMissing) as error:
        raise fail(f"nothing was changed: {error}") from None
    except dumps.ERRORS as error:
        raise fail(f"nothing was changed: {type(error).__name__}") from None
    said = {"taken_at": manifest.taken_at.isoformat(), "aside": aside, **asdict(done)}
    if as_json:
        print_json(said)
    else:
        _say(manifest, aside, done)


def _restored(house: House, file: Path, force: bool) -> tuple[Manifest, str, Resumed]:
    database, folder = house.database, house.settings.var_dir / "journal"
    house.settings.var_dir.mkdir(parents=True, exist_ok=True)
    with backups.unpacked(file, house.settings.var_dir) as (manifest, copy):
        _refuse_if_unfit(house, manifest)
        _refuse_if_running(house, folder)
        if not force and dumps.holds_data(database):
            raise BackupBroken("the database is not empty; --force replaces it and keeps it aside")
        now = database.clock()
        with dumps.replaced(database, copy, now, _opening(house)) as (restored, aside):
            migrate.upgrade(restored)
            done = _resume(restored, manifest.taken_at, _accepted(folder))
    # Left there they would do no harm: the next worker clears strays away.
    with suppress(OSError):
        _put_aside(folder, now)
    return manifest, aside, done


def _opening(house: House) -> Callable[[str], Database]:
    """Opens another database with the keys of this one."""
    vault, clock = house.database.vault, house.database.clock
    return lambda url: Database(url, vault, house.settings.secret(), clock)


def _resume(restored: Database, taken_at: datetime, accepted: dict[int, Accepted]) -> Resumed:
    with restored.writing() as tx:
        done = restoring.resume(tx, taken_at, accepted)
    resuming.leave_gaps(restored)
    return done


# What speaks against it.


def _refuse_without_keys(house: House) -> None:
    """Before anything is opened: opening makes keys where there are none."""
    missing = [str(path) for path in key_files(house) if not path.exists()]
    if missing:
        raise fail(f"put the installation's keys back first: {', '.join(missing)}")


def _refuse_if_unfit(house: House, manifest: Manifest) -> None:
    wanted = dumps.kind(house.database)
    if manifest.database != wanted:
        raise BackupBroken(f"it is of a database on {manifest.database}, and this one on {wanted}")
    if lacking := backups.missing_keys(manifest, house.database.vault, house.settings.secret()):
        raise BackupBroken(f"it needs other keys than those at hand: {', '.join(lacking)}")
    if not resuming.knows_schema(manifest.schema):
        raise BackupBroken(f"its schema {manifest.schema} is of a newer version: upgrade first")
    if house.settings.board_code not in manifest.boards:
        boards = ", ".join(manifest.boards)
        raise BackupBroken(f"it is of {boards}, and RENRAKUMO_BOARD_CODE is another board")


def _refuse_if_running(house: House, folder: Path) -> None:
    for path in folder.glob(f"*{journal.SUFFIX}"):
        with journal.inherited(path) as ours:
            if not ours:
                raise InUse("a worker is running: stop `renrakumo run` first")
    dumps.refuse_if_in_use(house.database)


# What the old installation left.


def _accepted(folder: Path) -> dict[int, Accepted]:
    """What journals that nobody replayed know to be accepted, by delivery."""
    found: dict[int, Accepted] = {}
    for path in folder.glob(f"*{journal.SUFFIX}"):
        for remains in journal.read(path).values():
            said = remains.outcomes
            found |= {number: one for number, one in said if isinstance(one, Accepted)}
    return found


def _put_aside(folder: Path, now: datetime) -> None:
    """Journals of workers of which the restored database knows nothing."""
    paths = list(folder.glob(f"*{journal.SUFFIX}"))
    if paths:
        aside = folder / f"before-restore-{now:%Y%m%d%H%M%S}"
        aside.mkdir(mode=0o700, exist_ok=True)
        for path in paths:
            path.rename(aside / path.name)


def _say(manifest: Manifest, aside: str, done: Resumed) -> None:
    click.echo(f"restored to {manifest.taken_at:%Y-%m-%d %H:%M} UTC")
    click.echo(f"what was there is kept: {aside}" if aside else "there was nothing before")
    click.echo(f"known from journals to be accepted since: {done.known}")
    click.echo(f"sent again, perhaps received twice: {done.doubtful}")
    click.echo(f"broadcasts to be approved again: {done.held}; still scheduled: {done.scheduled}")
    click.echo(f"invitations and one-time codes made void: {done.voided}")
    click.echo("Next: `renrakumo doctor`, then docs/runbooks/backup.md, what to look at.")
