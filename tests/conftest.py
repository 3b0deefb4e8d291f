"""What holds for all tests: where servers come from, the laws' examples, and that CI passes nothing over in silence."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway import logs
from gateway.embedded import account
from gateway.proxies import spare_loopback
from tests.postgres_fixture import database_url, postgres

__all__ = ["database_url", "postgres"]

# Behind a company's proxy, servers of the tests are not asked for by it; programs that they start inherit that.
spare_loopback()

PROGRAMS = {"debian": ("mosquitto_pub", "mosquitto_sub"), "browser": ("chromium",)}
# How long an example takes says something about the machine, nothing about a law.
_AS_LONG_AS_IT_TAKES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _AS_LONG_AS_IT_TAKES, derandomize=True)
settings.register_profile("search", _AS_LONG_AS_IT_TAKES, print_blob=True)
# The same examples in each run, so that a run that fails fails again. `--hypothesis-profile search` looks for new ones.
settings.load_profile("same")

ROOT = os.geteuid() == 0
ALMIGHTY = ROOT and account._may_give_search()
"""Inside containers root often lacks the right to have another account look into closed folders."""
MEND = "install it (as root on Debian `make test` does)"


@pytest.fixture(autouse=True)
def _logs_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs in the tests' own process leaves the logs alone: what it takes for stderr is closed soon."""
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def pytest_configure(config: pytest.Config) -> None:
    """Root of a container gets folders that no other run of pytest closes; see ``tmp_path_factory``."""
    if ROOT and not ALMIGHTY and config.option.basetemp is None:
        made = tempfile.mkdtemp(prefix="kizashi-tests-")
        config.option.basetemp = made
        config.add_cleanup(partial(shutil.rmtree, made, ignore_errors=True))


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.TempPathFactory]:
    """Temporary folders; where root can't help it, open for walking through to PostgreSQL's data."""
    if not ROOT or ALMIGHTY:
        yield tmp_path_factory
        return
    make, base = tmp_path_factory.mktemp, tmp_path_factory.getbasetemp()

    def mktemp(basename: str, numbered: bool = True) -> Path:
        return _opened(make(basename, numbered))

    _opened(base)
    if "PYTEST_XDIST_WORKER" in os.environ:
        _opened(base.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tmp_path_factory, "mktemp", mktemp)
        yield tmp_path_factory


def _opened(folder: Path) -> Path:
    folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that need a program which only Debian brings are skipped where it is missing."""
    if item.get_closest_marker("root") and not ALMIGHTY:
        pytest.skip("only root with all its rights has to do that")
    for marker, programs in PROGRAMS.items():
        missing = [program for program in programs if shutil.which(program) is None]
        if item.get_closest_marker(marker) and missing:
            pytest.skip(f"{' and '.join(missing)} not found: {MEND}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``CI=true`` a skip is a failure: what was not run was not shown. (Some accounts have nothing to show.)"""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not item.get_closest_marker("root"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
