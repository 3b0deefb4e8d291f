from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.sms.segments import utf16_units
from notifiers.templates import RenderError, Templates
from notifiers.templates.budget import Budget, Rendering, current
from notifiers.templates.context import zone_of
from notifiers.templates.formats import clip, number
from tests.unit.notifiers.templates.folders import CONTEXT, folder, pushed

AT = 1_780_463_100_000  # 2026-06-03T05:05:00Z


def rendering(language: str = "en") -> Rendering:
    return Rendering(Budget(), language, zone_of("Asia/Tokyo"))


def written(root: Path, language: str, text: str, **context: Any) -> str:
    templates = Templates.load(folder(root, {f"own/push.{language}.j2": f"t\n{text}"}))
    return templates.render("own", "push", language, {**CONTEXT, **context}).text


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "3 June, 14:05"), ("ja", "6月3日 14:05"), ("de", "2026-06-03 14:05")]
)
@pytest.mark.parametrize("at", [AT, float(AT), "2026-06-03T05:05:00Z", "2026-06-03T07:05:00+02:00"])
def test_a_time_is_the_customers_own(tmp_path: Path, language: str, expected: str, at: int | str) -> None:
    assert written(tmp_path, language, "{{ at|local_time }}", at=at) == expected


@pytest.mark.parametrize("zone", ["", "Mars/Base", "Europe"])
def test_without_a_known_zone_it_says_utc(tmp_path: Path, zone: str) -> None:
    assert pushed(tmp_path, "{{ at|local_time }}", customer={"time_zone": zone}) == "3 June, 05:05 UTC"


@pytest.mark.parametrize("at", ["yesterday", "2026-06-03T05:05:00", True, {}, 10**18])
def test_what_is_no_time_is_refused(tmp_path: Path, at: object) -> None:
    with pytest.raises(RenderError):
        pushed(tmp_path, "{{ at|local_time }}", at=at)


@pytest.mark.parametrize(
    ("language", "value", "expected"),
    [
        ("en", 1234.5, "1,234.5"), ("ja", 1234.5, "1,234.5"), ("de", 1234.5, "1.234,5"), ("fr", 1234.5, "1\u202f234,5"),
        ("en", 9.0, "9"), ("en", 9.456, "9.46"), ("en", -0.0, "0"), ("en", -0.001, "0"), ("en", 12, "12"),
        ("en", float("nan"), "–"), ("en", float("inf"), "–"), ("en", "open", "open"), ("en", True, "True"),
        ("en", 1_000_000, "1,000,000"), ("en", 100.0, "100"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_its_reader_writes_it(language: str, value: object, expected: str) -> None:
    token = current.set(rendering(language))
    assert number(value) == expected
    current.reset(token)


def test_digits_may_be_asked_for(tmp_path: Path) -> None:
    assert pushed(tmp_path, "{{ 9|number(1) }} {{ 9.456|number(0) }} {{ 1|number(99) }}") == "9.0 9 1.000000"


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("short", 10, "short"), ("a word too many", 10, "a word…"), ("unbreakable", 6, "unbre…"),
        ("冷蔵ショーケース", 5, "冷蔵ショ…"), ("😀😀😀", 5, "😀😀…"), ("abc", 0, ""), ("abc", -3, ""),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"), ("👩‍🚀👩‍🚀", 8, "👩‍🚀…"),
    ],
)  # fmt: skip
def test_text_is_clipped_between_words_and_whole_characters(text: str, length: int, expected: str) -> None:
    token = current.set(rendering())
    assert clip(text, length) == expected
    current.reset(token)


@given(st.text(max_size=80), st.integers(-2, 90))
def test_a_clipped_text_always_fits(text: str, length: int) -> None:
    token = current.set(rendering())
    made = clip(text, length)
    assert utf16_units(made) <= max(length, 0)
    assert made in {text, ""} or made.endswith("…")
    current.reset(token)


def test_typography_becomes_gsm_where_that_saves_segments(tmp_path: Path) -> None:
    assert pushed(tmp_path, "{{ '“8 °C” – now'|gsm }}") == '"8 C" - now'
    assert pushed(tmp_path, "{{ '冷蔵 8 °C'|gsm }}") == "冷蔵 8 °C"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the door is open", "The door is open."),
        ("Really?", "Really?"),
        ("fridge-7 reported a fault", "fridge-7 reported a fault."),
        ("filter_pressure is high", "filter_pressure is high."),
        ("iPump stands still", "iPump stands still."),
        ("co2 is above 900", "co2 is above 900."),
        ("door: left open, again", "Door: left open, again."),
        ("", ""),
        ("扉が開いています。", "扉が開いています。"),
    ],
)
def test_a_summary_becomes_a_sentence(tmp_path: Path, text: str, expected: str) -> None:
    assert pushed(tmp_path, "[{{ summary|sentence }}]", summary=text) == f"[{expected}]"


def test_readings_are_the_numbers_with_their_names_and_units(tmp_path: Path) -> None:
    values = {"temperature": 9.4, "door": "open", "online": True, "fan_speed": 1200, "store": {"id": "s"}}
    text = "{% for one in values|readings %}{{ one.name }}={{ one.text }};{% endfor %}"
    assert pushed(tmp_path, text, values=values) == "Temperature=9.4 °C;Fan speed=1,200;"
    assert written(tmp_path, "ja", text, values=values) == "温度=9.4 °C;Fan speed=1,200;"


def test_lines_become_breaks_and_stay_escaped(tmp_path: Path) -> None:
    files = {
        "alert/email.en.html.j2": "{{ brand.address|lines }}",
        "brand.toml": '[brand]\naddress = "1 <a>\\nTokyo"\n',
    }
    made = Templates.load(folder(tmp_path, files)).render("alert", "email", "en", CONTEXT)
    assert made.html == "1 &lt;a&gt;<br>Tokyo"
