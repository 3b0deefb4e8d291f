"""What stands in kizashi.toml reaches the contact policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import settings
from gateway.delivery.means import policy_of
from gateway.settings import SettingsError
from notifiers.policy import Cap, Digest, Money, QuietHours

DAY = 24 * 60 * 60 * 1000
HOW_TO = Path(__file__).parents[4] / "docs" / "how-to" / "set-consent-and-quiet-hours.md"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str) -> settings.Settings:
    Path("kizashi.toml").write_text(text, encoding="utf-8")
    return settings.load()


def test_the_example_of_the_how_to_page_is_what_it_says() -> None:
    page = HOW_TO.read_text(encoding="utf-8")
    policy = policy_of(written("\n".join(block.split("```")[0] for block in page.split("```toml\n")[1:])))
    assert policy.time_zone == "Asia/Tokyo"
    assert policy.quiet_hours_for("offers") == QuietHours(20 * 60, 9 * 60)
    assert policy.quiet_hours_for("maintenance") == QuietHours(22 * 60, 7 * 60, frozenset({"critical"}))
    assert policy.caps == (Cap(1, DAY, "offers"), Cap(2, 7 * DAY, "offers", "sms"), Cap(10, DAY))
    assert policy.vital["maintenance"] == frozenset({"critical"})
    assert policy.sms_regions == frozenset({"JP", "GB"})
    assert policy.money == Money({"sms": 500, "email": 5000}, {"sms": 200}, 10, 100, {"JP": 0.08, "GB": 0.05})


def test_what_is_left_out_is_the_default() -> None:
    assert policy_of(written("")) == policy_of(settings.Settings())
    assert policy_of(written("")).money == Money()
    assert policy_of(written("")).digest == Digest(frozenset(), 18 * 60)


def test_what_is_told_by_digest_and_when() -> None:
    text = "[policy.digest]\npurposes = ['service', 'offers']\nat = '07:30'"
    assert policy_of(written(text)).digest == Digest(frozenset({"service", "offers"}), 7 * 60 + 30)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("digest = {purposes = ['offers'], at = '24:00'}", r"policy\.digest\.at: "),
        ("caps = [{at_most = 2, per = 'daily'}]", r"policy\.caps\.0\.per: .*is no duration"),
        ("caps = [{per = '1d'}]", r"policy\.caps\.0\.at_most"),
        ("caps = [{at_most = 2, per = '1d', chanel = 'sms'}]", r"policy\.caps\.0\.chanel"),
        ("vital = {maintenance = ['fatal']}", r"policy\.vital\.maintenance\.0"),
        ("sms_countries = ['Japan']", r"policy\.sms_countries\.0"),
        ("daily_budget = {sms = -1}", r"policy\.daily_budget\.sms"),
        ("sms_cost = {JP = -0.1}", r"policy\.sms_cost\.JP"),
    ],
)
def test_a_wrong_setting_is_named(text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        written(f"[policy]\n{text}\n")
