"""docs/benchmarks.md: written by the benchmarks, never by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.figures import Section

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

_INTRODUCTION = """\
# Benchmarks

Written by `make bench` on {date}; do not edit. `make bench ARGS="--quick throughput"` runs one of them briefly and only
prints. Figures depend on the machine and on what else it does; no test asserts them.

| machine | |
|---|---|
"""


def page(date: str, machine: Mapping[str, str], sections: Mapping[str, Sequence[Section]]) -> str:
    """The whole page. ``sections`` by the name of the benchmark that made them."""
    lines = [_INTRODUCTION.format(date=date).rstrip("\n")]
    lines += [f"| {what} | {value} |" for what, value in machine.items()]
    for benchmark, made in sections.items():
        for section in made:
            lines += [
                "",
                f"## {section.name[:1].upper()}{section.name[1:]}",
                "",
                f"`python -m tests.benchmarks {benchmark}`",
            ]
            lines += ["", section.method, "", "| figure | min | median | max |", "|---|--:|--:|--:|"]
            lines += [f"| {' | '.join(figure.cells())} |" for figure in section.figures]
    return "\n".join(lines) + "\n"
