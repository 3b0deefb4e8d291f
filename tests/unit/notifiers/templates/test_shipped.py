from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from notifiers.sms.segments import segments, utf16_units
from notifiers.templates import EXAMPLES, Templates, example
from notifiers.templates.samples import SPARE
from tests.unit.notifiers.templates.folders import CONTEXT, JAPANESE, folder

TEMPLATES = Templates.load()
NAMES = ("alert", "offer", "resolved")
LANGUAGES = (("en", CONTEXT), ("ja", JAPANESE))
SEVERITIES = ("critical", "major", "minor", "warning", "info")
SPARSE: dict[str, Any] = {**SPARE, "values": {}}


def test_alert_resolved_and_offer_are_shipped_for_three_channels() -> None:
    assert TEMPLATES.names() == {*NAMES, "digest"}
    for name in NAMES:
        assert TEMPLATES.channels(name) == {"push", "sms", "email"}


def test_they_check_without_a_problem() -> None:
    assert TEMPLATES.check() == []
    assert TEMPLATES.warnings() == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("locale", "context"), LANGUAGES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_text_says_what_it_is_about(name: str, locale: str, context: dict[str, Any], severity: str) -> None:
    subject = context["store" if name == "offer" else "device"]["name"]
    for channel in ("push", "email"):
        made = TEMPLATES.render(name, channel, locale, {**context, "severity": severity})
        assert subject in made.title
        assert made.text
        assert "{" not in made.title + made.text
        assert (made.html is not None) == (channel == "email")
    assert "Kizashi" in TEMPLATES.render(name, "sms", locale, context).text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("locale", ["en", "ja"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_nothing_but_a_device_and_a_time_is_needed(name: str, locale: str, severity: str) -> None:
    for channel in ("push", "sms", "email"):
        made = TEMPLATES.render(name, channel, locale, {**SPARSE, "severity": severity})
        assert "None" not in f"{made}".replace("html=None", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_an_english_sms_is_one_gsm_segment(name: str, severity: str) -> None:
    long: dict[str, Any] = {
        "device": {"id": "d", "name": "Walk-in refrigerated display cabinet number 7 – ground floor"},
        "store": {"id": "s", "name": "The very long name of our flagship store"},
        "summary": "temperature has been above 8 °C for 10 minutes while the door was closed, “now 9.4 °C”, " * 3,
        "rule": {"id": "r", "summary": "10% off all filters, cartridges and accessories until Sunday – " * 3},
        "severity": severity,
    }  # fmt: skip
    for context in (CONTEXT, {**CONTEXT, **long}, {**CONTEXT, **long, "link": None}, SPARSE):
        assert segments(TEMPLATES.render(name, "sms", "en", context).text)[::2] == ("gsm-7", 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_japanese_sms_is_one_segment(name: str, severity: str) -> None:
    long: dict[str, Any] = {
        "device": {"id": "d", "name": "業務用大型冷蔵ショーケース七号機（地下一階）"},
        "rule": {"id": "r", "summary": "本日限り、浄水フィルターとカートリッジが全品10％オフ。" * 3},
        "severity": severity,
    }
    for context in (JAPANESE, {**JAPANESE, **long}, SPARSE):
        assert segments(TEMPLATES.render(name, "sms", "ja", context).text).parts == 1


@pytest.mark.parametrize(("locale", "context"), LANGUAGES)
def test_each_promotion_names_the_sender_and_how_to_refuse(locale: str, context: dict[str, Any]) -> None:
    sms = TEMPLATES.render("offer", "sms", locale, context).text
    assert "Kizashi" in sms
    assert "STOP" in sms
    mail = TEMPLATES.render("offer", "email", locale, context)
    for text in (mail.text, mail.html or ""):
        assert "Kizashi" in text
        assert context["unsubscribe_url"] in text


@pytest.mark.parametrize(("locale", "context"), LANGUAGES)
def test_an_offers_code_stands_in_every_text_and_in_an_sms_where_no_link_leads_to_it(
    locale: str, context: dict[str, Any]
) -> None:
    given = {**context, "offer_code": "7KM3Q-XN42D"}
    for channel in ("push", "email"):
        made = TEMPLATES.render("offer", channel, locale, given)
        assert "7KM3Q-XN42D" in made.text
        assert made.html is None or "7KM3Q-XN42D" in made.html
    sms = TEMPLATES.render("offer", "sms", locale, {**given, "link": None}).text
    assert "7KM3Q-XN42D" in sms
    assert segments(sms).parts == 1


@pytest.mark.parametrize(("locale", "words"), [("en", "reply to this message"), ("ja", "ご返信ください")])
def test_a_promotion_without_a_link_can_be_refused_by_reply(locale: str, words: str) -> None:
    mail = TEMPLATES.render("offer", "email", locale, SPARSE)
    assert words in mail.text
    assert words in (mail.html or "")


def test_a_japanese_reader_gets_no_english_sentence() -> None:
    for channel in ("push", "sms", "email"):
        made = TEMPLATES.render("alert", channel, "ja", JAPANESE)
        assert "temperature" not in f"{made.title}{made.text}{made.html}"
    assert "温度 9.4 °C" in TEMPLATES.render("alert", "push", "ja", JAPANESE).text


def test_a_japanese_summary_is_shown_to_a_japanese_reader() -> None:
    made = TEMPLATES.render("alert", "push", "ja", {**JAPANESE, "summary": "扉が10分間開いたままです。"})
    assert made.text.startswith("扉が10分間開いたままです。")


def test_an_emails_twins_say_the_same() -> None:
    made = TEMPLATES.render("alert", "email", "en", CONTEXT)
    for fact in ("Chiller 7", "9.4 °C", "3 June, 14:05", "case_2f81", "chiller-x200", "https://shop.example/c/9XkQ2"):
        assert fact in made.text
        assert fact in (made.html or "")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.roles: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.roles |= {dict(attrs).get("role")} if tag == "table" else set()
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("locale", "context"), LANGUAGES)
def test_html_is_well_formed_without_scripts_or_outside_files_and_its_tables_are_no_data_to_a_screen_reader(
    name: str, locale: str, context: dict[str, Any]
) -> None:
    html = TEMPLATES.render(name, "email", locale, context).html or ""
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link"}
    assert tags.roles == {"presentation"}
    assert html.count(f'lang="{locale}" dir="ltr"') == 2, "some mail programs drop the element html"
    assert "prefers-color-scheme: dark" in html
    assert set(re.findall(r'https?://[^"\s<]+', html)) <= {context["link"], context["unsubscribe_url"]}
    bare = re.sub(r"(?s)<style>.*?</style>", "", html)
    for tag in re.findall(r"<(?:p|h1|a|li)\b[^>]*>", bare):
        assert "style=" in tag, "nothing depends on <style>, which some mail programs drop"
    assert not re.search(r"display:\s*(flex|grid)|float:|position:|background-image", html)


@pytest.mark.parametrize("name", [*NAMES, "digest"])
@pytest.mark.parametrize("sample", EXAMPLES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_push_fits_a_lock_screen(name: str, sample: str, severity: str) -> None:
    for language, title, text in (("en", 50, 180), ("ja", 34, 100)):
        context = {**example(sample, language), "severity": severity}
        made = TEMPLATES.render(name, "push", language, context)
        assert utf16_units(made.title) <= title
        assert utf16_units(made.text) <= text


def test_a_language_that_is_written_from_the_right_is_laid_out_so(tmp_path: Path) -> None:
    body = '{% extends "layout.html.j2" %}{% block heading %}מסנן{% endblock %}'
    texts = {"own/email.he.txt.j2": "t\nx", "own/email.he.html.j2": body}
    html = Templates.load(folder(tmp_path, texts)).render("own", "email", "he-IL", CONTEXT).html or ""
    assert html.count('lang="he" dir="rtl"') == 2


def test_what_devices_say_cannot_become_html() -> None:
    evil = "<img src=x onerror=alert(1)>&\"'"
    context = {**CONTEXT, "summary": evil, "device": {"id": "d", "name": evil, "model": evil}, "link": f'"{evil}'}
    html = TEMPLATES.render("alert", "email", "en", context).html or ""
    assert "<img" not in html
    assert "&lt;img" in html
    assert '""' not in html


def test_a_line_break_in_a_name_cannot_make_a_header_or_move_the_text() -> None:
    context = {**CONTEXT, "device": {"id": "d", "name": "x\r\nBcc: a@b.example\u202e"}}
    made = TEMPLATES.render("alert", "email", "en", context)
    assert made.title == "x Bcc: a@b.example needs your attention"
