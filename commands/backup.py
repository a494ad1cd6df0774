"""`backup`: everything in the database as one file, without the keys."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from actions import restoring
from commands.house import House
from commands.printing import fail, json_option, print_json
from storage import backups, dumps
from storage.backups import BackupBroken, Manifest, Part
from storage.dumps import DumpBroken, InUse
from storage.migrate import current
from storage.postgresql_programs import ProgramFailed, ProgramMissing
from storage.resuming import board_codes


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def backup(house: House, file: Path, as_json: bool) -> None:
    """Copy the whole database into FILE while everything goes on.

    The keys are not in it: without them it opens nothing, so keep a copy of them elsewhere.
    """
    file = file.absolute()
    if file.exists():
        raise fail(f"{file} is there already; choose another name")
    manifest = _made(house, file)
    with house.database.writing() as tx:
        restoring.backed_up(tx)
    keep = [str(path) for path in key_files(house)]
    if as_json:
        print_json(_said(file, manifest) | {"keep": keep})
        return
    click.echo(f"{file}  {file.stat().st_size:,} bytes, schema {manifest.schema}")
    click.echo("The keys are not in it. Keep a copy of these elsewhere, apart from the backup:")
    for path in keep:
        click.echo(f"  {path}")


def _made(house: House, file: Path) -> Manifest:
    """The backup, and what it says of itself; a refusal in words where it cannot be made."""
    taken_at = house.database.clock()
    schema = current(house.database)
    if schema is None:
        raise fail("there is no database yet: run `renrakumo init`")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
            dump = dumps.dump(house.database, Path(folder))

            def describe(part: Part) -> Manifest:
                return Manifest(
                    format=backups.FORMAT,
                    taken_at=taken_at,
                    database=dumps.kind(house.database),
                    schema=schema,
                    boards=board_codes(house.database),
                    fingerprints=backups.fingerprints(
                        house.database.vault, house.settings.secret()
                    ),
                    part=part,
                )

            return backups.write(file, dump, describe)
    except (BackupBroken, DumpBroken, InUse, ProgramFailed, ProgramMissing) as error:
        raise fail(f"no backup was made: {error}") from None
    except dumps.ERRORS as error:
        raise fail(f"no backup was made: {type(error).__name__}") from None


def _said(file: Path, manifest: Manifest) -> dict[str, object]:
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "taken_at": manifest.taken_at.isoformat(),
        "database": manifest.database,
        "schema": manifest.schema,
        "boards": list(manifest.boards),
    }


def key_files(house: House) -> list[Path]:
    """The files without which a backup opens nothing; a secret given otherwise has none."""
    settings = house.settings
    files = [settings.data_keys_file or settings.var_dir / "keys.json"]
    if settings.secret_key is None:
        files.append(settings.var_dir / "secret.key")
    return [path.absolute() for path in files]
