"""A stand-in for each module, empty for each test."""

from collections.abc import Iterator

import pytest

from tests.smtp_standin import SmtpStandin, smtp_standin


@pytest.fixture(scope="module")
def running_standin() -> Iterator[SmtpStandin]:
    with smtp_standin() as standin:
        yield standin


@pytest.fixture
def standin(running_standin: SmtpStandin) -> SmtpStandin:
    running_standin.reset()
    return running_standin
