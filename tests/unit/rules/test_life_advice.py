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


ESCALATING = "{notify: {template: alert, channels: [push, sms, email], escalate_after: 15m}}"


@pytest.mark.parametrize(
    ("when", "then", "every", "said"),
    [
        (HIGH, ESCALATING, "44m", ["it repeats every 44 min, but asking on all its channels takes 45 min"]),
        (HIGH, ESCALATING, "45m", []),
        (HIGH, "{notify: {template: alert, escalate_after: 15m}}", "14m", ["it repeats every 14 min"]),
        (HIGH, "{notify: {template: alert, escalate_after: 15m}}", "15m", []),
        (HIGH, "{notify: {template: alert, channels: [push, sms]}}", "1m", []),
        (HIGH, "{case: {queue: field}}", "1m", []),
        (FORCED, ESCALATING, "1m", ["'repeat_every' does nothing"]),
    ],
)
def test_warns_of_repeats_that_begin_before_the_escalation_is_over(
    when: str, then: str, every: str, said: list[str]
) -> None:
    warnings = parse({"rules.yaml": rule(when, then=then, repeat_every=every)}).warnings
    for warning, beginning in zip(warnings, said, strict=True):
        assert warning.message.startswith(beginning)
        assert (warning.path, bool(warning.mend)) == ("rules[0].repeat_every", True)


def test_warns_of_the_words_of_a_step_too() -> None:
    steps = f"[{{severity: critical, when: {{metric: t, above: 12}}, then: {ESCALATING}}}]"
    [warning] = parse({"rules.yaml": rule(HIGH, severity="major", repeat_every="30m", steps=steps)}).warnings
    assert "takes 45 min" in warning.message
