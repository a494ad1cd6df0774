"""What every test has: needs of the machine, a fresh PostgreSQL database, and CI's strictness.

On a bare machine a test whose need is missing is skipped, saying what is missing. With
`CI=true` any skip, however it came about, is a failure.
"""

import gc
import itertools
import os
from collections.abc import Generator, Iterator

import pytest
import structlog
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items[:] = _journeys_first(items, getattr(config, "workerinput", {}).get("workercount", 1))
    for item in items:
        if "postgresql_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs("postgresql"))
        for marker in item.iter_markers("needs"):
            unknown = set(marker.args) - needs.NAMES
            if unknown or not marker.args:
                message = f"{item.nodeid}: unknown need {sorted(unknown)}; see tests/needs.py"
                raise pytest.UsageError(message)


def _journeys_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Journeys mostly wait for processes: begun first, they fill the gaps beside everything else.

    xdist gives each worker as many tests in a row. All workers but one, which keeps the machine
    busy meanwhile, begin with journeys, those of one file together.
    """
    others = iter([item for item in items if "journeys" not in item.path.parts])
    journeys = [item for item in items if "journeys" in item.path.parts]
    files = sorted({item.path for item in journeys})
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(dealt)) // (workers - worker)
        ours = files[worker :: max(1, workers - 1)] if worker < max(1, workers - 1) else []
        first = [item for item in journeys if item.path in ours]
        dealt += first + list(itertools.islice(others, max(0, share - len(first))))
    return dealt + list(others)


def pytest_configure() -> None:
    # Colouring a traceback that nobody reads takes longer than most tests.
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


def pytest_collection_finish() -> None:
    """Let the collector of garbage leave alone what was imported: it finds none there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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
