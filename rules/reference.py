"""The table of operators in the documentation, made from the catalog.

``python -m rules.reference PAGE`` puts it between the markers of ``PAGE``; a test says when it is not up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rules.condition import Operator
from rules.conditions.catalog import OPERATORS

BEGIN = "<!-- made from the catalog: make docs -->"
END = "<!-- end of what is made -->"


def table() -> str:
    """Each operator with the first sentence of its module, the keys that may stand beside it, and its page."""
    rows = ["| Operator | What it asks | Beside it |", "|---|---|---|"]
    for operator in OPERATORS.values():
        keys = ", ".join(f"`{key}`" for key in sorted(operator.keys))
        rows.append(f"| [`{operator.name}`]({operator.name}.md) | {_sentence(operator)} | {keys} |")
    return "\n".join(rows)


def renewed(page: str) -> str:
    """``page`` with the present table between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs a line '{BEGIN}' and, below it, a line '{END}'")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _sentence(operator: Operator) -> str:
    read = operator.read or operator.wrap
    text = (sys.modules[read.__module__].__doc__ or "") if read is not None else ""
    _, _, sentence = text.splitlines()[0].partition(": ")
    return sentence.rstrip(".").replace("``", "`")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(renewed(place.read_text(encoding="utf-8")), encoding="utf-8")
