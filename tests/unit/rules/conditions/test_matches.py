import pytest

from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import Story, reading, rule

FAULT = '{metric: t, matches: "E[0-9]+"}'


def test_fires_when_all_of_the_text_matches() -> None:
    story = Story(rule(FAULT), reading(0, "ok"))
    assert story.heard(reading(1, "E"), reading(2, "XE17"), reading(3, "E17x")) == []
    assert story.heard(reading(4, "E17"), reading(5, "E18"), reading(6, "ok")) == [("firing", 4), ("resolved", 6)]


def test_numbers_and_truth_values_are_unknown_and_end_nothing() -> None:
    story = Story(rule(FAULT), reading(0, "ok"))
    assert story.heard(reading(1, "E1"), reading(2, 17), reading(3, True)) == [("firing", 1)]


def test_knows_letters_of_every_language() -> None:
    story = Story(rule('{metric: t, matches: "故障.*"}'), reading(0, "正常"))
    assert story.heard(reading(1, "故障７")) == [("firing", 1)]


def test_a_hostile_pattern_on_a_long_text_comes_back() -> None:
    story = Story(rule('{metric: t, matches: "(a+)+$"}'), reading(0, "b"))
    assert story.heard(reading(1, "a" * 100_000 + "b")) == []
    assert story.heard(reading(2, "a" * 100_000)) == [("firing", 2)]
    assert len(story.decisions[0].summary) < 200


def test_says_what_it_saw() -> None:
    story = Story(rule('{metric: code, matches: "E[0-9]+"}'), reading(0, "ok", "code"))
    story.tell(reading(1, "E17", "code"), reading(2, "ok", "code"))
    fired, resolved = story.decisions
    assert fired.summary == "code E17 matches E[0-9]+ on chiller-7"
    assert resolved.summary == "code ok no longer matches E[0-9]+ on chiller-7"
    assert fired.explanation == {
        "operator": "matches", "metric": "code", "value": "E17", "sampled_at": fired.at, "pattern": "E[0-9]+",
        "result": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(E", "'(E' is no regular expression: missing ): (E"),
        ("(?=E)x", "invalid perl operator: (?="),
        (r"(a)\\1", "invalid escape sequence"),
        ("a{5000}", "invalid repetition size"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_line_and_what_is_wrong(pattern: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": f'rules:\n - id: r\n   when:\n    metric: t\n    matches: "{pattern}"\n'})
    (problem,) = raised.value.problems
    assert message in problem.message
    assert problem.line == 5
    assert "regular expression" in problem.mend


def test_needs_a_metric_and_a_text() -> None:
    for when in ("{matches: a}", "{metric: t, matches: [a]}"):
        with pytest.raises(RuleErrors):
            parse({"r.yaml": rule(when)})
