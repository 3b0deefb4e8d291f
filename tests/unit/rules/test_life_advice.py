import pytest

from rules.document import parse
from tests.unit.rules.story import rule

HIGH, FORCED = "{metric: t, above: 8}", "{event: door-forced}"


@pytest.mark.parametrize(
    ("when", "keys", "said"),
    [
        (HIGH, {"repeat_every": "6h", "auto_resolve_after": "6h"}, ["it never repeats: the alert ends by itself"]),
        (FORCED, {"repeat_every": "6h"}, ["'repeat_every' does nothing"]),
        (FORCED, {"auto_resolve_after": "6h", "repeat_every": "1h"}, ["'auto_resolve_after'", "'repeat_every'"]),
        (HIGH, {"repeat_every": "1h", "auto_resolve_after": "6h"}, []),
        (HIGH, {"repeat_every": "1h"}, []),
        (FORCED, {}, []),
    ],
)  # fmt: skip
def test_warns_of_what_does_nothing(when: str, keys: dict[str, str], said: list[str]) -> None:
    warnings = parse({"rules.yaml": rule(when, **keys)}).warnings
    for warning, beginning in zip(warnings, said, strict=True):
        assert warning.message.startswith(beginning)
        assert (warning.line, bool(warning.mend)) == (1, True)
