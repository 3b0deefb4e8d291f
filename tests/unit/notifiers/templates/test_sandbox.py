from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from notifiers.templates import ExhaustedError, RenderError
from notifiers.templates.budget import Budget
from tests.unit.notifiers.templates.folders import CONTEXT, custom, pushed

DOUBLED = "{% set x = 'aaaaaaaa' %}"
DOUBLE = {
    "joined": DOUBLED + "{% set x = x ~ x %}" * 60,
    "added": DOUBLED + "{% set x = x + x %}" * 60,
    "printed": DOUBLED + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
    "listed": "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 60,
    "in a namespace": "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}",
}  # fmt: skip
ENDLESS = {
    "nested loops": "{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "a loop over much text": "{% for a in range(999) %}" + "x" * 50_000 + "{% endfor %}",
    "captured text": "{% set x %}{% for a in range(999) %}" + "x" * 50_000 + "{% endfor %}{% endset %}",
    "a macro that branches": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
    "an included part that branches": "{% include 'own/push.en.j2' %}{% include 'own/push.en.j2' %}",
    "slow work in a loop": "{% set s = 'x' %}" + "{% set s = s ~ s %}" * 16
    + "{% for i in range(999) %}" + "{% set a = s[1:] %}" * 2_500 + "{% endfor %}",
    "a filter on much text in a loop": "{% set s = 'x' %}" + "{% set s = s ~ s %}" * 14
    + "{% for i in range(999) %}" + "{% set a = s|upper %}" * 2_000 + "{% endfor %}",
    **DOUBLE,
}  # fmt: skip


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_endless_template_ends_within_a_second_of_work(tmp_path: Path, text: str) -> None:
    templates = custom(tmp_path, f"title\n{text}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    with pytest.raises(RenderError):
        templates.render("own", "push", "en", CONTEXT)
    assert time.thread_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% include 'own/push.en.j2' %}",
    ],
)
def test_a_template_that_calls_itself_is_told_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(RenderError, match="calls or includes itself without end"):
        pushed(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ 10 ** 10 ** 10 }}", r"int \*\* int is not available"),
        ("{{ 'a' * 1000000000 }}", r"str \* int is not available"),
        ("{{ [1] * 1000000000 }}", r"list \* int is not available"),
        ("{{ '%999999999d' % 1 }}", "str % int is not available"),
        ("{% set x = 99 %}" + "{% set x = x * x %}" * 60, "30 digits"),
        ("{% for i in range(1001) %}{% endfor %}", "at most 1000"),
        ("{% for i in range(0, 10 ** 1) %}{% endfor %}", "not available"),
        ("{{ '{:>999999999}'.format(1) }}", r"format\(\) cannot be called"),
        ("{{ 'a'.upper() }}", r"upper\(\) cannot be called"),
        ("{{ customer.update({'a': 1}) }}", "'customer' has no 'update'"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ customer['__class__'] }}", "'customer' has no '__class__'"),
        ("{{ values['__class__'].__mro__ }}", "no attribute"),
        ("{{ self.__init__.__globals__ }}", "unsafe"),
        ("{{ range.__globals__ }}", "unsafe"),
        ("{{ lipsum(n=99999) }}", "'lipsum' is not known"),
        ("{{ cycler(1) }}", "'cycler' is not known"),
        ("{{ 'a'|center(999999999) }}", "No filter named 'center'"),
        ("{{ '%999999999d'|format(1) }}", "No filter named 'format'"),
        ("{{ '<b>'|safe }}", "No filter named 'safe'"),
        ("{{ 1|round(-999999999) }}", "No filter named 'round'"),
        ("{{ customer|attr('__class__') }}", "No filter named 'attr'"),
        ("{% autoescape false %}{{ summary }}{% endautoescape %}", "escaping cannot be turned off"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recursive loops"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "too deeply nested"),
        ("{{ " + "9" * 5000 + " }}", "too large a number"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include '../../../../etc/passwd' %}", "there is no file"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_what_no_message_needs_is_refused(tmp_path: Path, text: str, why: str) -> None:
    templates = custom(tmp_path, f"title\n{text}")
    faults = templates.check()
    assert faults
    assert why.replace("\\", "") in faults[0].message


def test_what_messages_need_is_there(tmp_path: Path) -> None:
    text = (
        "{% macro shout(word) %}{{ word|upper }}!{% endmacro %}"
        "{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{% if not loop.last %},{% endif %}{% endfor %} "
        "{{ shout('hi') }} {{ 1 + 2 * 3 - 4 }} {{ 'a' ~ 1 }} {{ 'a' + 'b' }} {{ values.get('no', 'none') }} "
        "{% set n = namespace(sum=0) %}{% for i in range(4) %}{% set n.sum = n.sum + i %}{% endfor %}{{ n.sum }} "
        "{% for x in [] %}{% else %}empty{% endfor %} {{ missing|default('gone') }}"
    )
    assert pushed(tmp_path, text) == "a,b,a HI! 3 a1 ab none 6 empty gone"


def test_data_is_never_read_as_a_template(tmp_path: Path) -> None:
    assert pushed(tmp_path, "{{ summary }}", summary="{{ 7 * 7 }}{% include 'x' %}") == "{{ 7 * 7 }}{% include 'x' %}"


def test_joined_text_is_escaped_in_html(tmp_path: Path) -> None:
    html = custom(tmp_path, "{{ '<i>'|e ~ summary ~ '<u>' }}", "alert/email.en.html.j2").render(
        "alert", "email", "en", {**CONTEXT, "summary": "<b>"}
    )
    assert html.html == "&lt;i&gt;&lt;b&gt;&lt;u&gt;"


class TestBudget:
    def test_steps_run_out(self) -> None:
        budget = Budget(steps=2)
        budget.step()
        budget.step()
        with pytest.raises(ExhaustedError, match="steps"):
            budget.step()

    def test_characters_run_out(self) -> None:
        budget = Budget(characters=10)
        budget.take(10)
        with pytest.raises(ExhaustedError, match="text"):
            budget.step(1)

    def test_time_runs_out(self) -> None:
        now = 5.0
        budget = Budget(seconds=0.5, clock=lambda: now)
        now = 5.5
        budget.step()
        now = 5.6
        with pytest.raises(ExhaustedError, match="too long"):
            budget.step()
