"""Names are looked up in every branch, without running a template; SMS and push are measured with samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.shortening import json_bytes
from notifiers.templates import Templates
from notifiers.templates.context import CONTRACT
from notifiers.templates.library import MAX_BYTES
from tests.unit.notifiers.templates.folders import CONTEXT, custom, folder, pushed


def messages(root: Path, text: str, file: str = "own/push.en.j2") -> list[str]:
    return [problem.message for problem in custom(root, text, file).check()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if severity == 'x' %}{{ costumer }}{% endif %}", "'costumer' is not known, did you mean 'customer'?"),
        ("{% if false %}{{ device.modle }}{% endif %}", "'device' has no 'modle', did you mean 'model'?"),
        ("{{ device['modle'] }}", "'device' has no 'modle', did you mean 'model'?"),
        ("{% if store %}{{ store.town }}{% endif %}", "'store' has no 'town' (it has id, name)"),
        ("{{ summary.text }}", "'summary' has nothing below it, such as 'text'; write {{ summary }}"),
        ("{{ voice.greting }}", "'voice' has no 'greting', did you mean 'greeting'?"),
        ("{{ brand.light.acent }}", "'brand.light' has no 'acent', did you mean 'accent'?"),
        ("{{ custmer|default('x') }}", "'custmer' is not known, did you mean 'customer'?"),
        ("{% if custmer is defined %}{% endif %}", "'custmer' is not known, did you mean 'customer'?"),
        ("{{ subject }}", "'subject' is not known"),
        ("{{ summary|sentense }}", "No filter named 'sentense', did you mean 'sentence'?"),
        ("{% if summary is japanse %}{% endif %}", "No test named 'japanse', did you mean 'japanese'?"),
        ("{% if false %}{{ summary|sentense }}{% endif %}", "No filter named 'sentense', did you mean 'sentence'?"),
        ("{% macro m(a) %}{{ a }}{{ b }}{% endmacro %}", "'b' is not known"),
    ],
)  # fmt: skip
def test_a_name_that_there_is_none_of_is_found_in_whatever_branch(tmp_path: Path, text: str, said: str) -> None:
    (message,) = messages(tmp_path, f"t\nx{text}")
    assert message.startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "{% set a = 1 %}{{ a }}",
        "{% for a, b in values.items() %}{{ a }}{{ b }}{{ loop.index }}{% endfor %}",
        "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
        "{% set store = {'town': 'x'} %}{{ store.town }}",
        "{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}",
        "{{ values.anything }} {{ values['at-all'] }} {{ values.get('x', 1) }}",
        "{{ customer.get('name') }} {{ brand.severity[severity] }} {{ voice.severity[severity] }}",
        "{% for i in range(2) %}{{ i }}{% endfor %}",
    ],
)
def test_what_a_file_names_by_itself_is_known(tmp_path: Path, text: str) -> None:
    assert messages(tmp_path, f"t\nx{text}") == []


def test_a_part_may_name_what_those_set_that_include_it(tmp_path: Path) -> None:
    files = {"own/push.en.j2": "t\n{% set room = 3 %}{% include 'bit.j2' %}", "bit.j2": "{{ room }}{{ device.id }}"}
    assert Templates.load(folder(tmp_path, files)).check() == []


def test_a_part_that_nothing_uses_is_looked_at_all_the_same(tmp_path: Path) -> None:
    (problem,) = Templates.load(folder(tmp_path, {"bit.j2": "\n\n{{ nothing }}"})).check()
    assert (Path(problem.file).name, problem.line) == ("bit.j2", 3)


def test_the_parameters_of_a_parts_macros_mean_nothing_outside_of_it(tmp_path: Path) -> None:
    text = "t\nx{% import 'bits.j2' as bits %}{% if false %}{{ word }}{% endif %}{{ bits.shout('a') }}"
    files = {"own/push.en.j2": text, "bits.j2": "{% macro shout(word) %}{{ word|upper }}!{% endmacro %}"}
    (problem,) = Templates.load(folder(tmp_path, files)).check()
    assert problem.message.startswith("'word' is not known")


@pytest.mark.parametrize("deep", ["{{ " + "+".join("1" * 3000) + " }}", "{{ " + "-" * 3000 + "1 }}"])
def test_what_is_nested_too_deeply_is_a_fault_and_leaves_the_others(tmp_path: Path, deep: str) -> None:
    (message,) = messages(tmp_path, f"t\nx{deep}")
    assert message.startswith("is too deeply nested")


def test_parts_that_include_each_other_are_looked_at(tmp_path: Path) -> None:
    files = {"a.j2": "{% if false %}{% include 'b.j2' %}{% endif %}", "b.j2": "{% include 'a.j2' %}{{ no }}"}
    (problem,) = Templates.load(folder(tmp_path, files)).check()
    assert Path(problem.file).name == "b.j2"


def test_the_contract_says_what_may_be_none() -> None:
    optional = {name for name, known in CONTRACT.items() if known.optional}
    assert {"store", "case_id", "link", "unsubscribe_url", "offer_code"} <= optional
    assert not {"customer", "device", "rule", "values", "summary", "severity", "at"} & optional


class TestMissingMetric:
    def test_it_prints_as_a_dash_when_sent(self, tmp_path: Path) -> None:
        assert pushed(tmp_path, "now {{ values.froth|number }} {{ values['froth'] }}", values={}) == "now – –"

    def test_it_can_be_asked_for(self, tmp_path: Path) -> None:
        text = "{% if values.froth is defined %}yes{% else %}no{% endif %} {{ values.froth|default('none') }}"
        text += "{% if values.froth %}!{% endif %}{% if values.froth == 'x' %}!{% endif %}"
        assert pushed(tmp_path, text, values={}) == "no none"
        assert pushed(tmp_path, text, values={"froth": 3}) == "yes 3!"


class TestWarnings:
    def warned(self, root: Path, text: str, language: str = "en") -> list[str]:
        made = Templates.load(folder(root, {f"own/sms.{language}.j2": text, "own/sms.en.j2": "x"} | (
            {"own/sms.en.j2": text} if language == "en" else {}
        )))  # fmt: skip
        assert made.check() == []
        return [warning.message for warning in made.warnings()]

    def test_a_second_segment_is_warned_of_with_the_sample_that_takes_it(self, tmp_path: Path) -> None:
        (said,) = self.warned(tmp_path, "x {{ rule.summary|gsm }} {{ summary|gsm }}")
        assert said.startswith("takes 2 segments with the sample 'long' (")
        assert "units of GSM-7" in said

    def test_so_are_the_signs_that_make_it_ucs_2(self, tmp_path: Path) -> None:
        (said,) = self.warned(tmp_path, "It’s time")
        assert "’ (U+2019)" in said
        assert "70 characters a segment" in said

    def test_a_language_that_is_ucs_2_anyway_is_not_warned_of_that(self, tmp_path: Path) -> None:
        assert self.warned(tmp_path, "お知らせです。ご確認ください。", "ja") == []

    def test_nor_is_what_takes_one_segment(self, tmp_path: Path) -> None:
        assert self.warned(tmp_path, "{{ device.name|gsm|clip(40, '...') }}") == []


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60), st.integers(1, 40))
def test_a_push_that_is_too_long_is_shortened_when_sent(unit: str, times: int) -> None:
    made = LONG.render("own", "push", "en", {**CONTEXT, "values": {f"k{n}": unit * 20 for n in range(times)}})
    assert json_bytes(made.title) + json_bytes(made.text) <= MAX_BYTES["push"]
    assert made.text.startswith("x")


@pytest.fixture(autouse=True, scope="module")
def _long(tmp_path_factory: pytest.TempPathFactory) -> None:
    global LONG  # noqa: PLW0603 - hypothesis takes no fixtures of a function
    text = "t\nx{% for name, value in values.items() %}{{ value }}{% endfor %}"
    LONG = custom(tmp_path_factory.mktemp("templates"), text)


LONG: Templates
