"""Whatever a rule file says of calendars, profiles and the registry: it is read, or refused with a mend."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.document import parse
from rules.problem import RuleErrors

WORDS = [
    *("id", "days", "hours", "from", "to", "except", "time_zone", "metrics", "every", "absent_after", "unit", "kind"),
    *("min", "max", "model", "tag", "attribute", "locale", "name", "above", "between", "near", "dwell", "store"),
    *(
        "mon-fri",
        "sun",
        "09:00-18:00",
        "22:00-06:00",
        "24:00-01:00",
        "2026-12-24",
        "2026-02-30",
        "Asia/Tokyo",
        "customer",
    ),
    *(
        "store_hours",
        "office",
        "profile",
        "8 °C",
        "46.4 °F",
        "500m",
        "1e9km",
        "chiller-*",
        "15m",
        "0s",
        "°C",
        "",
        "-",
        "\x1f",
    ),
]
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text()
anything: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)
conditions = st.dictionaries(
    st.sampled_from(
        ["during", "device", "customer", "store", "zone", "absent_for", "metric", "above", "between", "for"]
    ),
    anything,
    min_size=1,
    max_size=4,
)
files = st.fixed_dictionaries(
    {"rules": st.lists(st.fixed_dictionaries({"id": st.just("r"), "when": conditions}), max_size=1)},
    optional={
        "calendars": st.lists(st.dictionaries(st.sampled_from(WORDS), anything, max_size=5), max_size=2) | anything,
        "profiles": st.lists(st.dictionaries(st.sampled_from(WORDS), anything, max_size=5), max_size=2) | anything,
    },
)


@given(files)
def test_is_read_or_refused_with_a_place_and_a_mend(content: dict[str, Any]) -> None:
    try:
        found = list(parse({"rules.yaml": json.dumps(content, ensure_ascii=True)}).warnings)
    except RuleErrors as errors:
        found = errors.problems
        assert found
    for problem in found:
        assert problem.line >= 1
        assert problem.message
        assert problem.mend
