"""``python -m tests.benchmarks [--quick] [name …]``: measure, print, and write docs/benchmarks.md after a full run."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.benchmarks.catalog import BENCHMARKS
from tests.benchmarks.figures import Section
from tests.benchmarks.machine import describe, load_average
from tests.benchmarks.page import PAGE, page
from tests.benchmarks.settings import SHIPPED, Settings

FULL_SECONDS, FULL_RUNS = 15.0, 3
QUICK_SECONDS, QUICK_RUNS = 5.0, 1

console = Console(stderr=True, highlight=False)


def main() -> None:
    """Run what was asked for."""
    wanted = _arguments()
    names = wanted.names or list(BENCHMARKS)
    whole = not wanted.names and not wanted.quick
    machine = describe()
    sections: dict[str, list[Section]] = {}
    for name in names:
        sections[name] = _measure(name, quick=wanted.quick)
    machine["load average after"] = load_average()
    text = page(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine, sections)
    print(text)
    output: Path | None = wanted.output or (PAGE if whole else None)
    if output is not None:
        output.write_text(text, encoding="utf-8")
        console.print(f"written to {output}")


def _measure(name: str, *, quick: bool) -> list[Section]:
    started = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[{name} {time.monotonic() - started:6.1f} s] {what}", markup=False, soft_wrap=True)

    say("begins")
    seconds, runs = (QUICK_SECONDS, QUICK_RUNS) if quick else (FULL_SECONDS, FULL_RUNS)
    return BENCHMARKS[name](Settings(seconds=seconds, runs=runs, say=say, gateway=SHIPPED))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all, if left out")
    parser.add_argument("--quick", action="store_true", help="one short run of each; for a look, not for the page")
    parser.add_argument("--output", type=Path, help="write the page here, also after a partial run")
    found = parser.parse_args()
    if unknown := [name for name in found.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return found


if __name__ == "__main__":
    main()
