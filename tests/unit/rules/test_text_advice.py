"""A rule whose template says nothing on one of its channels is warned, with the file to write."""

from __future__ import annotations

import pytest

from rules.document import parse
from rules.problem import Problem

LACKING = {"own": {"sms": "own/sms.en.j2", "email": "own/email.en.txt.j2 and own/email.en.html.j2"}, "alert": {}}


def warned(notify: str, steps: str = "") -> list[Problem]:
    then = f"    then: {{notify: {{{notify}}}}}\n" if notify else ""
    text = f"rules:\n  - id: r\n    when: {{metric: t, above: 8}}\n{then}{steps}"
    return list(parse({"rules.yaml": text}, LACKING).warnings)


def test_template_channel_and_file_are_named_at_the_place() -> None:
    [found] = warned("template: own, channels: [push, sms]")
    assert (found.file, found.line, found.path) == ("rules.yaml", 4, "rules[0].then")
    assert found.message == "template 'own' has no text for sms in any language: the plain text goes out there"
    assert found.mend == "write own/sms.en.j2 in the folder of your templates, or leave sms out of 'channels'"


def test_each_channel_is_a_warning_of_its_own() -> None:
    assert [found.message.split()[6] for found in warned("template: own, channels: [sms, email]")] == ["sms", "email"]


@pytest.mark.parametrize(
    "notify", ["template: own", "template: own, channels: [push]", "template: alert, channels: [sms]"]
)
def test_nothing_is_said_where_there_is_a_text_or_the_customer_chooses(notify: str) -> None:
    assert warned(notify) == []


def test_a_step_with_words_of_its_own_is_looked_at_and_one_without_is_not_told_twice() -> None:
    own = "then: {notify: {template: own, channels: [email]}}"
    steps = (
        "    steps:\n"
        "      - {severity: major, when: {metric: t, above: 9}}\n"
        f"      - {{severity: critical, when: {{metric: t, above: 10}}, {own}}}\n"
    )
    found = warned("template: own, channels: [sms]", steps)
    assert [(each.path, each.message.split()[6]) for each in found] == [
        ("rules[0].then", "sms"),
        ("rules[0].steps", "email"),
    ]


def test_where_only_names_are_known_nothing_is_said() -> None:
    text = "rules:\n  - {id: r, when: {metric: t, above: 8}, then: {notify: {template: own, channels: [sms]}}}\n"
    assert parse({"rules.yaml": text}, frozenset({"own"})).warnings == ()
