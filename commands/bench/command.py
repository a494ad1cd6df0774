"""`renrakumo bench`: mail beside its peers, and the great trials."""

from __future__ import annotations

from pathlib import Path

import click

from commands.bench.carriers import measure_carriers, measure_real_pace
from commands.bench.fan_out import measure_fan_out
from commands.bench.mail_options import MailOptions, mail_options, run_mail
from commands.bench.schedule import measure_schedule
from commands.bench.stage import save, stage
from commands.bench.storm import measure_storm
from commands.house import House
from commands.printing import FOUND, print_table

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True)
@mail_options
@click.pass_context
def bench(ctx: click.Context, options: MailOptions) -> None:
    """Measure mail, a fan-out and a storm.

    Without a command: mail, as `mail` does.
    """
    if ctx.invoked_subcommand is None:
        run_mail(ctx.obj, options)


@bench.command("mail")
@mail_options
@click.pass_obj
def mail(house: House, options: MailOptions) -> None:
    """Send mail side by side with what people would use instead."""
    run_mail(house, options)


@bench.command("fan-out")
@click.option("--line", default=20_000, show_default=True, help="Recipients on LINE.")
@click.option("--telegram", default=2_000, show_default=True, help="Recipients on Telegram.")
@click.option("--json", "file", type=_FILE)
@click.pass_obj
def fan_out(house: House, line: int, telegram: int, file: Path | None) -> None:
    """Send to LINE and Telegram through faults and a kill -9; ledger against stand-ins."""
    with stage(house) as scene:
        found = measure_fan_out(scene, line, telegram)
    save(file, found.as_dict())
    print_table(("channel", *found.columns), found.rows)
    if not found.is_clean:
        raise SystemExit(FOUND)


@bench.command("schedule")
@click.option("--broadcasts", default=200, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Within which they come due.")
@click.option("--json", "file", type=_FILE)
@click.pass_obj
def schedule(house: House, broadcasts: int, seconds: float, file: Path | None) -> None:
    """Let scheduled broadcasts come due at odd moments, with two workers and a restart."""
    with stage(house) as scene:
        found = measure_schedule(scene, broadcasts, seconds)
    save(file, found.as_dict())
    print_table(("figure", "value"), list(found.as_dict().items()))
    if not found.is_clean:
        raise SystemExit(FOUND)


@bench.command("storm")
@click.option("--registrations", default=20_000, show_default=True)
@click.option("--minutes", default=10.0, show_default=True, help="Within which they all begin.")
@click.option("--begin-only", is_flag=True, help="Each sends the school ID, and no more.")
@click.option("--json", "file", type=_FILE)
@click.pass_obj
def storm(
    house: House, registrations: int, minutes: float, begin_only: bool, file: Path | None
) -> None:
    """Let a crowd of guardians register on LINE at once, duplicates and garbage among it."""
    with stage(house) as scene:
        found = measure_storm(scene, registrations, minutes, begin_only)
    save(file, found.as_dict())
    print_table(("figure", "value"), list(found.as_dict().items()))
    if not found.is_clean:
        raise SystemExit(FOUND)


@bench.command("carriers")
@click.option("--recipients", default=1_500, show_default=True, help="At docomo; 0: no forecast.")
@click.option("--json", "file", type=_FILE)
def carriers(recipients: int, file: Path | None) -> None:
    """Send straight to stand-in carriers: a forecast at real paces, then slow and angry ones.

    The forecast takes as long as it says, three minutes for 1,500 at docomo.
    """
    found = {"paces": measure_real_pace(recipients)} if recipients else {}
    found["trials"] = measure_carriers()
    save(file, {name: result.as_dict() for name, result in found.items()})
    for result in found.values():
        for columns, rows in result.tables:
            print_table(columns, rows)
    faults = [fault for result in found.values() for fault in result.faults]
    if faults:
        click.echo("\n".join(faults))
        raise SystemExit(FOUND)
