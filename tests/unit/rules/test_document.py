import time
from pathlib import Path

import pytest

from rules.document import parse
from rules.problem import Problem, RuleErrors

EXAMPLES = sorted(Path("examples/rules").glob("*.yaml"))


def problems(text: str, templates: frozenset[str] | None = None) -> list[Problem]:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": text}, templates)
    return caught.value.problems


def one(body: str) -> str:
    return f"rules:\n  - id: r\n    {body}\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_example_files_are_right(path: Path) -> None:
    ruleset = parse({path.name: path.read_text()}, frozenset({"alert", "resolved", "offer"}))
    assert len(ruleset.rules) >= 2


def test_reads_every_key_of_a_rule() -> None:
    text = Path("examples/rules/cold-chain.yaml").read_text()
    rule = parse({"a.yaml": text}).rules[0]
    assert (rule.id, rule.severity, rule.purpose, rule.name) == (
        "chiller-too-warm", "major", "maintenance", "Chiller too warm",
    )  # fmt: skip
    assert rule.case is not None
    assert (rule.case.queue, rule.case.priority) == ("cold-chain", "high")
    assert rule.notify is not None
    assert rule.notify.channels == ("push", "sms", "email")
    assert rule.notify.escalate_after_ms == 900_000
    assert rule.repeat_every_ms == 86_400_000
    assert rule.metrics == ("temperature",)
    offer = parse({"a.yaml": Path("examples/rules/offers.yaml").read_text()}).rules[0]
    assert offer.notify is not None
    assert (offer.notify.holdout_percent, offer.notify.expires_after_ms, offer.cooldown_ms) == (
        10.0, 1_800_000, 604_800_000,
    )  # fmt: skip


def test_layout_and_comments_do_not_change_a_version_but_content_does() -> None:
    flow = parse({"a": "rules: [{id: r, when: {metric: t, above: 8}}]"})
    block = parse({"b": "# warm\nrules:\n- when:\n    above: 8   # °C\n    metric: t\n  id: r\n"})
    other = parse({"a": "rules: [{id: r, when: {metric: t, above: 9}}]"})
    assert flow.version == block.version != other.version
    assert flow.rules[0].version == block.rules[0].version != other.rules[0].version


def test_rules_may_stand_in_several_files() -> None:
    ruleset = parse({"b": one("when: {metric: t, above: 8}"), "a": "rules: []"})
    assert [rule.id for rule in ruleset.rules] == ["r"]


@pytest.mark.parametrize(
    ("body", "line", "column", "message", "mend"),
    [
        ("when: {metric: t, abvoe: 8}", 3, 23, "unknown operator 'abvoe'", "did you mean 'above'?"),
        ("when: {metric: t}", 3, 11, "nothing is asked here", "add one of above"),
        ("when: {above: 8}", 3, 11, "'metric' is missing", "metric: temperature"),
        ("when: {metric: t, above: warm}", 3, 30, "must be a number, not 'warm'", "plain number"),
        ("when: {metric: t, above: .inf}", 3, 30, "must be a number", "plain number"),
        ("when: {metric: t, above: true}", 3, 30, "must be a number", "plain number"),
        ("when: {metric: t, above: 8, clear_below: 9}", 3, 46, "wrong side of 'above' 8", "lower than 8"),
        ("when: {metric: t, below: 8, clear_above: 7}", 3, 46, "wrong side of 'below' 8", "higher than 8"),
        ("when: {metric: t, below: 8, clear_below: 7}", 3, 33, "'clear_below' needs 'above'", "remove this key"),
        ("when: {metric: t, between: [8, 2]}", 3, 32, "wrong way round", "the lower first"),
        ("when: {metric: t, between: 8}", 3, 32, "two numbers", "the lower first"),
        ("when: {metric: t, equals: [1]}", 3, 31, "single value", "write a number"),
        ("when: {metric: t, above: 8, for: 10}", 3, 38, "'10' has no unit", "10m for minutes"),
        ("when: {metric: t, absent_for: soon}", 3, 35, "'soon' is no duration", "write it like"),
        ("when: {for: 10m}", 3, 11, "nothing is asked here", "add one of"),
        ("when: {all: {metric: t, above: 8}}", 3, 17, "must be a list", "all: ["),
        ("when: {any: [8]}", 3, 18, "expected a condition here", "{metric: temperature"),
        ("when: {not: 8}", 3, 17, "expected a condition here", "{metric: temperature"),
        ("when: {zone: enter}", 3, 18, "expected a mapping here", "zone: {enter: true}"),
        ("when: {zone: {enter: true, dwell: 2m}}", 3, 18, "exactly one of", "zone: {enter: true}"),
        ("when: {zone: {enter: 5m}}", 3, 26, "takes no value but true", "enter: true"),
        ("when: {zone: {dwell: 2m, store: {id: a, tag: b}}}", 3, 37, "by id or by tag", "store: {id: ginza}"),
        ("when: {zone: {dwell: 2m, stroe: a}}", 3, 30, "unknown key 'stroe'", "did you mean 'store'?"),
        ("then: {case: {priority: hihg}}", 3, 29, "'priority' cannot be 'hihg'", "did you mean 'high'?"),
        ("severity: majr", 3, 15, "'severity' cannot be 'majr'", "did you mean 'major'?"),
        ("purpose: ofers", 3, 14, "'purpose' cannot be 'ofers'", "did you mean 'offers'?"),
        ("cooldwn: 7d", 3, 5, "unknown key 'cooldwn'", "did you mean 'cooldown'?"),
        ("for_devices: {modle: x}", 3, 19, "unknown key 'modle'", "did you mean 'model'?"),
        ("for_devices: {model: %s}" % ("x" * 300), 3, 26, "300 characters", "at most 200"),
        ("then: {notify: {template: alrt}}", 3, 31, "no template 'alrt'", "did you mean 'alert'?"),
        ("then: {notify: {channels: [push]}}", 3, 20, "'template' is missing", "template: alert"),
        ("then: {notify: {template: alert, channels: [psh]}}", 3, 49, "cannot be 'psh'", "did you mean 'push'?"),
        ("then: {notify: {template: alert, channels: [sms, sms]}}", 3, 48, "one thing twice", "keep each once"),
        ("then: {notify: {template: alert, holdout: 0.1}}", 3, 47, "must be a percentage", "10%"),
        ("then: {notify: {template: alert, holdout: 101%}}", 3, 47, "must be a percentage", "10%"),
        ("then: {case: {priority: hi}}", 3, 29, "cannot be 'hi'", "high"),
        ("then: {mail: {}}", 3, 12, "unknown key 'mail'", "case, notify"),
        ("id: r2", 3, 5, "'id' stands twice", "keep one"),
        ("name: []", 3, 11, "must be a text", "write 1 to"),
    ],
)
def test_names_the_place_and_the_mend(body: str, line: int, column: int, message: str, mend: str) -> None:
    text = one(body) if body.startswith("when") else one(f"{body}\n    when: {{metric: t, above: 8}}")
    found = problems(text, frozenset({"alert", "offer"}))
    assert len(found) == 1, found
    assert (found[0].line, found[0].column) == (line, column)
    assert message in found[0].message
    assert mend in found[0].mend


def test_a_problem_reads_as_a_compilers_would() -> None:
    (found,) = problems(one("when: {metric: t, abvoe: 8}"))
    assert str(found) == ("rules.yaml:3:23: unknown operator 'abvoe' — did you mean 'above'? (at rules[0].when.abvoe)")


def test_all_problems_of_all_files_are_reported_at_once() -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"a": one("when: {metric: t}\n    severity: x"), "b": "rules: 5", "c": ""})
    assert [problem.file for problem in caught.value.problems] == ["a", "a", "b", "c"]


def test_an_id_may_be_used_once_in_all_files() -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"a": one("when: {metric: t}"), "b": one("when: {metric: t, above: 8}")})
    assert any("there is another rule 'r'" in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [", "not YAML"),
        ("\trules: []", "not YAML"),
        ("rules: \x00", "not YAML"),
        ("a: &a [*a]", "refers to nothing above it"),
        ("rules: !!python/object/apply:os.system [x]", "tag"),
        ("[" * 1000, "nested deeper"),
        ("rules: []\n---\nrules: []", "second document"),
        ("{[a]: b}", "a key must be a word"),
        ("- a", "expected 'rules:'"),
        ("ruels: []", "unknown key 'ruels'"),
        ("rules: [{when: {metric: t, above: 8}}]", "'id' is missing"),
        ("rules: [{id: 'a b', when: {metric: t, above: 8}}]", "is no id"),
        ("rules: [{id: a}]", "'when' is missing"),
        ("rules: [5]", "expected a mapping"),
        ("x" * 2_000_000, "characters"),
    ],
)
def test_hostile_and_hapless_files_are_refused(text: str, message: str) -> None:
    assert any(message in problem.message for problem in problems(text))


def test_an_alias_bomb_does_not_go_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    started = time.process_time()
    assert any("aliases counted" in problem.message for problem in problems("\n".join(lines)))
    assert time.process_time() - started < 30  # a bomb would take years


def test_an_anchor_may_be_shared() -> None:
    text = "rules:\n  - {id: a, when: &warm {metric: t, above: 8}}\n  - {id: b, when: *warm}\n"
    assert [rule.id for rule in parse({"a": text}).rules] == ["a", "b"]


def test_a_pattern_that_would_backtrack_for_ever_does_not() -> None:
    from devices.event import DeviceFacts

    text = one(f"for_devices: {{model: '{'*a' * 60}b'}}\n    when: {{metric: t, above: 8}}")
    (rule,) = parse({"a": text}).rules
    assert not rule.selector.matches(DeviceFacts("d", model="a" * 2000))
