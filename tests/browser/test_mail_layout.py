"""The shipped mails in a real browser: narrow and wide, light and dark, and where a mail program drops ``<style>``."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from notifiers.templates import EXAMPLES, Templates, example
from notifiers.templates.contrast import MIN_CONTRAST, contrast

pytestmark = pytest.mark.browser

TEMPLATES = Templates.load()
TOUCH_PX = 44
"""The least height of what a thumb has to meet (WCAG 2.1, 2.5.5)."""
COLOURS = """() => [...document.querySelectorAll('td *, td')].filter(
  one => [...one.childNodes].some(each => each.nodeType === 3 && each.textContent.trim())
).map(one => {
  let behind = one;
  while (behind && ['rgba(0, 0, 0, 0)', 'transparent'].includes(getComputedStyle(behind).backgroundColor))
    behind = behind.parentElement;
  return [one.innerText, getComputedStyle(one).color, behind ? getComputedStyle(behind).backgroundColor : ''];
})"""


def mail(name: str, language: str, sample: str) -> str:
    given = {**example(sample, language), "values": {"temperature": 9.4, "setpoint": 4.0} if sample != "spare" else {}}
    return TEMPLATES.render(name, "email", language, given).html or ""


def shown(browser: Browser, html: str, width: int, scheme: Literal["light", "dark"] = "light") -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    page.set_content(html)
    return page


@pytest.mark.parametrize("name", sorted(TEMPLATES.names()))
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("sample", EXAMPLES)
def test_it_fits_a_phone_and_its_links_fit_a_thumb_with_or_without_style(
    browser: Browser, name: str, language: str, sample: str
) -> None:
    html = mail(name, language, sample)
    for text in (html, re.sub(r"(?s)<style>.*?</style>", "", html)):
        page = shown(browser, text, 320)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        for height in page.evaluate("[...document.querySelectorAll('a')].map(a => a.getBoundingClientRect().height)"):
            assert height >= TOUCH_PX
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(TEMPLATES.names()))
def test_every_text_can_be_read_on_what_is_behind_it(
    browser: Browser, name: str, scheme: Literal["light", "dark"]
) -> None:
    page = shown(browser, mail(name, "ja", "example"), 390, scheme)
    seen = page.evaluate(COLOURS)
    page.context.close()
    assert len(seen) > 5
    for text, front, behind in seen:
        assert contrast(as_hex(front), as_hex(behind)) >= MIN_CONTRAST, text


def test_it_is_one_column_in_the_middle_of_a_wide_window(browser: Browser) -> None:
    page = shown(browser, mail("alert", "en", "example"), 1200)
    box = page.locator(".card").bounding_box()
    page.context.close()
    assert box is not None
    assert box["width"] == 560
    assert box["x"] == (1200 - 560) / 2


def as_hex(colour: str) -> str:
    red, green, blue = re.findall(r"\d+", colour)[:3]
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"
