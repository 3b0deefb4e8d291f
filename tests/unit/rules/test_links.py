"""``then.notify.link`` and ``offer_code``: what a rule may write, and what it is told where it can't."""

from __future__ import annotations

import pytest

from rules.decision import NotifyAction
from rules.document import parse
from rules.problem import RuleErrors


def notify(words: str) -> NotifyAction:
    text = f"rules:\n  - id: r\n    when: {{metric: t, above: 8}}\n    then: {{notify: {{template: alert, {words}}}}}\n"
    found = parse({"rules.yaml": text}, frozenset({"alert"})).rules[0].notify
    assert found is not None
    return found


@pytest.mark.parametrize(
    "link",
    [
        "https://shop.example",
        "https://shop.example:8443/a/b?c=d&e=%20#f",
        "http://10.0.0.7/parts/{device_id}?case={case_id}",
        "https://shop.example/{customer_id}/{store_id}/{offer_code}",
        "https://shop.example?code={offer_code}",
    ],
)
def test_an_address_is_kept_as_written(link: str) -> None:
    assert notify(f"link: '{link}'").link == link


@pytest.mark.parametrize(
    "link",
    [
        "shop.example/parts",
        "javascript:alert(1)",
        "myapp://parts/1",
        "//shop.example",
        "https://",
        "https://{store_id}.shop.example/",
        "https://shop.example{device_id}/",
        "https://user:word@shop.example/",
        "https://shop.example\\@evil.example/",
        "https://shop.example/{number}",
        "https://shop.example/{",
        "https://shop.example/a b",
        "https://shop.example/a\u00e9",
        "https://shop.example/<x>",
    ],
)
def test_what_is_no_web_address_is_refused_with_its_mend(link: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        notify(f"link: '{link}'")
    [problem] = caught.value.problems
    assert "http or https address" in problem.message
    assert "offer_code" in problem.mend


def test_codes_are_given_where_the_rule_says_so() -> None:
    assert notify("offer_code: true").offer_code
    assert not notify("offer_code: false").offer_code
    assert not notify("channels: [push]").offer_code
    with pytest.raises(RuleErrors) as caught:
        notify("offer_code: tomorrow")
    assert "offer_code" in caught.value.problems[0].message
