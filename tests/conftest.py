"""What holds for all tests: where servers come from, the laws' examples, and that CI passes nothing over in silence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from gateway import logs
from tests.postgres_fixture import database_url, postgres

__all__ = ["database_url", "postgres"]

PROGRAMS = {"debian": ("mosquitto_pub", "mosquitto_sub"), "browser": ("chromium",)}
# How long an example takes says something about the machine, nothing about a law.
_AS_LONG_AS_IT_TAKES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _AS_LONG_AS_IT_TAKES, derandomize=True)
settings.register_profile("search", _AS_LONG_AS_IT_TAKES, print_blob=True)
# The same examples in each run, so that a run that fails fails again. `--hypothesis-profile search` looks for new ones.
settings.load_profile("same")

MEND = "install it (as root on Debian `make test` does)"


@pytest.fixture(autouse=True)
def _logs_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs in the tests' own process leaves the logs alone: what it takes for stderr is closed soon."""
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that need a program which only Debian brings are skipped where it is missing."""
    for marker, programs in PROGRAMS.items():
        missing = [program for program in programs if shutil.which(program) is None]
        if item.get_closest_marker(marker) and missing:
            pytest.skip(f"{' and '.join(missing)} not found: {MEND}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``CI=true`` a skip is a failure: what was not run was not shown."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
