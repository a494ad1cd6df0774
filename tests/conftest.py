"""What every test has: needs of the machine, a fresh PostgreSQL database, and CI's strictness.

On a bare machine a test whose need is missing is skipped, saying what is missing. With
`CI=true` any skip, however it came about, is a failure.
"""

import itertools
import os
from collections.abc import Generator, Iterator

import pytest
from psycopg import sql

from tests import needs

pytest_plugins = [
    "tests.databases",
    "tests.smtp_standin",
    "tests.telegram_standin",
    "tests.line_standin",
]

_numbers = itertools.count(1)
_IN_CI = os.environ.get("CI", "").lower() in {"true", "1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Journeys mostly wait for processes: first, they fill the gaps beside everything else.
    items.sort(key=lambda item: "journeys" not in item.path.parts)
    for item in items:
        if "postgresql_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs("postgresql"))
        for marker in item.iter_markers("needs"):
            unknown = set(marker.args) - needs.NAMES
            if unknown or not marker.args:
                message = f"{item.nodeid}: unknown need {sorted(unknown)}; see tests/needs.py"
                raise pytest.UsageError(message)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            reason = needs.missing(name)
            if reason is not None:
                pytest.skip(f"needs {name}: {reason}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # An expected failure is reported as a skip too, with `wasxfail`; it stays one.
    if _IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"In CI a skip is a failure. {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"In CI a skip is a failure. {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        return f"{path}:{line}: {reason}"
    return str(report.longrepr)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """The URL of a PostgreSQL database made for this test, and dropped after it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"renrakumo_test_{worker}_{os.getpid()}_{next(_numbers)}"
    database = sql.Identifier(name)
    with needs.connect_postgresql() as connection:
        # template0 and C: UTF-8 whatever the server's own locale is.
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                database
            )
        )
        try:
            server = needs.postgresql_server()
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
