"""The migrations are one line, so that two branches conflict in git and not in a city."""

import re

from alembic.script import ScriptDirectory

from storage.migrate import MIGRATIONS, alembic_config, newest


def test_there_is_one_head() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [newest()]


def test_versions_are_numbered_one_after_the_other() -> None:
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("*.py"))
    numbers = [int(name[:4]) for name in names if re.match(r"\d{4}_", name)]
    assert len(numbers) == len(names)
    assert numbers == list(range(1, len(names) + 1))
