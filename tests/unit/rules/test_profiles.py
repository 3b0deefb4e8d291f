import pytest

from rules.document import parse
from rules.problem import Problem, RuleErrors
from rules.units import converted, unit_named

PROFILES = """profiles:
  - id: chiller
    metrics:
      temperature: {unit: °C, min: -40, max: 60}
      door_open: {kind: boolean}
      level: {unit: m}
    every: 1m
    absent_after: 15m
  - {id: oven, metrics: {temperature: {unit: C, max: 300}, flow: {}}, every: 10m}
"""
RULE_LINE = 11


def problems(text: str) -> list[Problem]:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": text})
    return caught.value.problems


def one(when: str, more: str = "", profiles: str = PROFILES) -> str:
    return f"{profiles}rules:\n  - {{id: r, when: {when}{more}}}\n"


def warnings(when: str, more: str = "", profiles: str = PROFILES) -> list[Problem]:
    return list(parse({"rules.yaml": one(when, more, profiles)}).warnings)


@pytest.mark.parametrize(
    ("profile", "message", "mend"),
    [
        ("{metrics: {}}", "'id' is missing", "name"),
        ("{id: a, metric: {}}", "unknown key 'metric'", "did you mean 'metrics'?"),
        ("{id: a, metrics: [t]}", "expected a mapping", "write metrics:"),
        ("{id: a, metrics: {t: 5}}", "expected a mapping", "write metrics:"),
        ("{id: a, metrics: {t: {kind: bool}}}", "'kind' cannot be 'bool'", "boolean"),
        ("{id: a, metrics: {t: {min: 5, max: 5}}}", "'max' 5 is not above 'min' 5", "lower one"),
        ("{id: a, metrics: {t: {min: low}}}", "must be a number", "plain number"),
        ("{id: a, metrics: {t: {kind: text, unit: m}}}", "'unit' is for numbers", "remove it"),
        ("{id: a, every: often}", "'often' is no duration", "write it like"),
        ("{id: a, every: 15m, absent_after: 15m}", "absent between any two readings", "longer"),
    ],
)
def test_every_profile_is_checked_even_if_no_rule_uses_it(profile: str, message: str, mend: str) -> None:
    (found,) = problems(f"profiles:\n  - {profile}\n")
    assert found.line == 2
    assert message in found.message
    assert mend in found.mend


@pytest.mark.parametrize(
    ("limit", "number"),
    [("8 °C", 8), ("8°C", 8), ("8 C", 8), ("-1.5 degC", -1.5), ("8", 8), (".5 ℃", 0.5)],
)
def test_a_limit_may_be_written_with_the_profiles_unit(limit: str, number: float) -> None:
    written = parse({"a": one(f"{{metric: temperature, above: {limit}}}")}).rules[0]
    assert written.condition.limit == number  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("when", "message", "mend"),
    [
        ("{metric: temperature, above: 46 °F}", "temperature is in °C, not °F", "write 7.77778 °C"),
        ("{metric: temperature, above: 280 K}", "temperature is in °C, not K", "write 6.85 °C"),
        ("{metric: temperature, above: 50 °F, clear_below: 6 °C}", "temperature is in °C, not °F", "write 10 °C"),
        ("{metric: temperature, between: [2, 46.4 °F]}", "temperature is in °C, not °F", "write 8 °C"),
        ("{metric: level, below: 20 cm}", "level is in m, not cm", "write 0.2 m"),
        ("{metric: level, below: 3 bar}", "level is in m, not bar", "write it in m"),
        ("{metric: flow, below: 3 L/min}", "no profile says in which unit flow is", "metrics: {flow: {unit: L/min}}"),
        ("{metric: pressure, below: 3 bar}", "no profile says in which unit pressure is", "write 3,"),
        ("{metric: temperature, above: 1.2.3}", "'above' must be a number", "plain number"),
    ],
)
def test_another_unit_is_a_mistake_whose_mend_is_the_converted_limit(when: str, message: str, mend: str) -> None:
    (found,) = problems(one(when))
    assert found.line == RULE_LINE
    assert message in found.message
    assert mend in found.mend


@pytest.mark.parametrize(
    "when",
    [
        "{metric: temperature, window: {avg: 1h}, above: 46.4 °F}",
        "{metric: temperature, window: {max: 1h}, between: [46.4 °F, 60]}",
        "{metric: temperature, below: 46.4 °F}",
        "{metric: temperature, forecast: {reaches: 46.4 °F, within: 1d}}",
    ],
)
def test_units_are_known_wherever_a_limit_is_in_the_metrics_own(when: str) -> None:
    (found,) = problems(one(when))
    assert found.message == "temperature is in °C, not °F"
    assert found.mend == "write 8 °C"
    assert warnings(when.replace("46.4 °F", "8 °C")) == []


def test_what_is_not_in_the_metrics_unit_takes_no_unit() -> None:
    for when in (
        "{metric: temperature, rate: per_minute, above: 8 °C}",
        "{metric: temperature, window: {count: 1h}, above: 8 °C}",
    ):
        (found,) = problems(one(when))
        assert "plain number" in found.mend


def test_a_unit_without_any_profile_is_a_mistake() -> None:
    (found,) = problems(one("{metric: t, above: 8 °C}", profiles=""))
    assert "no profile says" in found.message
    assert "write 8, or say it in a profile" in found.mend


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (100, "°C", "°F", 212),
        (-40, "°F", "°C", -40),
        (0, "K", "°C", -273.15),
        (1.5, "km", "m", 1500),
        (90, "min", "h", 1.5),
        (1, "bar", "kPa", 100),
        (36, "km/h", "m/s", 10),
        (1, "m", "s", None),
        (1, "furlong", "m", None),
    ],
)
def test_converts_what_can_be_converted(value: float, unit: str, to: str, expected: float | None) -> None:
    assert converted(value, unit, to) == (None if expected is None else pytest.approx(expected))
    assert unit_named("degF") == "°F"


@pytest.mark.parametrize(
    ("when", "message", "mend"),
    [
        ("{metric: temperatur, above: 8}", "no profile has a metric 'temperatur'", "did you mean 'temperature'?"),
        ("{metric: xyz, above: 8}", "no profile has a metric 'xyz'", "metrics: door_open, flow, level, temperature"),
        ("{not: {all: [{metric: dor_open, equals: true}]}}", "metric 'dor_open'", "did you mean 'door_open'?"),
        ("{metric: temperature, above: 300}", "temperature never exceeds 300", "limit that it can reach"),
        ("{metric: temperature, between: [301, 400]}", "temperature never exceeds 300", "limit that it can reach"),
        ("{metric: temperature, window: {avg: 1h}, above: 300}", "temperature never exceeds 300", "limit"),
        ("{metric: door_open, above: 1}", "'above' compares numbers, and door_open is a boolean", "limit"),
        ("{metric: temperature, above: 8, for: 10s}", "'for' 10 s is shorter than the 1 min", "write for: 2m or more"),
        ("{absent_for: 30s, metric: level}", "would be absent between any two", "write absent_for: 2m or more"),
    ],
)
def test_warns_of_what_is_probably_not_meant(when: str, message: str, mend: str) -> None:
    (found,) = warnings(when)
    assert (found.file, found.line) == ("rules.yaml", RULE_LINE)
    assert message in found.message
    assert mend in found.mend
    assert warnings(when, profiles="") == []


@pytest.mark.parametrize(
    ("for_devices", "when", "message"),
    [
        ("{profile: chiller}", "{metric: temperature, above: 60}", "temperature never exceeds 60"),
        ("{profile: chiller}", "{metric: temperature, below: -40}", "temperature never falls below -40"),
        ("{profile: chiller}", "{metric: temperature, below: 5, clear_above: 61}", "temperature never exceeds 60"),
        ("{profile: chiller}", "{metric: flow, above: 60}", "profile 'chiller' has no metric 'flow'"),
        ("{profile: chilla*}", "{metric: temperature, above: 8}", "no profile 'chilla*' is defined"),
        ("{profile: oven}", "{metric: flow, above: 8, for: 9m}", "'for' 9 min is shorter than the 10 min"),
    ],
)
def test_knows_which_profiles_a_rule_is_for(for_devices: str, when: str, message: str) -> None:
    (found,) = warnings(when, f", for_devices: {for_devices}")
    assert message in found.message


def test_a_gap_shorter_than_the_cadence_never_satisfies_a_for() -> None:
    (found,) = warnings("{metric: flow, above: 8, for: 1h}", ", max_gap: 5m")
    assert "'max_gap' 5 min is shorter than the 10 min between two samples" in found.message
    assert found.mend == "write max_gap: 20m"


@pytest.mark.parametrize(
    "when",
    [
        "{metric: temperature, above: 61}",  # an oven's may be
        "{metric: temperature, above: 8, for: 2m}",
        "{metric: temperature, rate: per_minute, above: 1000}",
        "{metric: temperature, window: {sum: 1h}, above: 1000}",
        "{metric: door_open, equals: true}",
        "{metric: flow, above: 1000000}",
        "{absent_for: profile}",
        "{zone: {dwell: 2m}}",
    ],
)
def test_what_may_well_be_meant_is_no_warning(when: str) -> None:
    assert warnings(when) == []


def test_a_profile_without_metrics_says_nothing_about_them() -> None:
    assert warnings("{metric: anything, above: 8}", profiles="profiles: [{id: chiller, absent_after: 15m}]\n") == []
