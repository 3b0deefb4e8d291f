"""``brand.toml``: one place for the sender's voice, and what is wrong in it told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.templates import Templates
from notifiers.templates.brand_rules import PLACES
from notifiers.templates.contrast import MIN_CONTRAST, contrast, nearest
from tests.unit.notifiers.templates.folders import CONTEXT, JAPANESE, folder


def branded(root: Path, text: str, file: str = "brand.toml") -> Templates:
    return Templates.load(folder(root, {file: text}))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[brand]\nname = ""', 2, "brand.name: must have 1 to 40 characters"),
        ('[brand]\n\nnam = "Mizu"', 3, "brand.nam: is no entry of this table; did you mean 'name'?"),
        ("[brand]\ncontact = 7", 2, "brand.contact: must be text in quotes, not 7"),
        ('[brand.light]\naccent = "teal"', 2, "brand.light.accent: must be a colour such as"),
        ('[brand.light]\n# x\naccnt = "#000000"', 3, "did you mean 'accent'?"),
        ('[brand]\nlight = "#fff"', 2, "must be a table: write [brand.light]"),
        ('[brand.severity]\ncritcal = "#b42318"', 2, "did you mean 'critical'?"),
        ('[voice.en]\ngreeting = "Hello,"', 2, "says nothing without {name}"),
        ('[voice.en]\ngreeting = "Hello {nmae},"', 2, "has the place {nmae}, which nothing fills; it may have {name}"),
        ('[voice.ja]\nsignatur = "x"', 2, "did you mean 'signature'?"),
        ('[voice.Japanese]\nsignature = "x"', 1, "must be a language of two or three small letters"),
        ("[voice.ja.severity]\ncritical = 1", 2, "must be text in quotes"),
        ('[brnd]\nname = "x"', 1, "is no table of this file"),
        ('[brand]\nname = "x"\n\nname = ', 4, "cannot be read"),
        ('brand.name = "' + "x" * 50 + '"', 1, "must have 1 to 40 characters"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_told_with_its_line_and_what_stood_before_stays(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    made = branded(tmp_path, text)
    (problem,) = made.check()
    assert (Path(problem.file).name, problem.line) == ("brand.toml", line)
    assert said in problem.message
    assert "Kizashi" in made.render("alert", "sms", "en", CONTEXT).text
    mail = made.render("alert", "email", "en", CONTEXT)
    assert "Hello Hanako Sato," in mail.text
    assert "#0f5c55" in (mail.html or "")


def test_a_name_may_be_another_in_one_language(tmp_path: Path) -> None:
    made = branded(tmp_path, '[brand]\nname = "Mizu"\n[brand.ja]\nname = "ミズ"\nlogo_text = "水 MIZU"\n')
    assert made.check() == []
    assert made.render("alert", "sms", "ja", JAPANESE).text.startswith("【ミズ】")
    assert made.render("alert", "sms", "en", CONTEXT).text.startswith("Mizu: ")
    assert ">水 MIZU</td>" in (made.render("alert", "email", "ja", JAPANESE).html or "")


def test_a_voice_of_another_language_needs_only_what_it_says_otherwise(tmp_path: Path) -> None:
    texts = {"own/push.fr.j2": "t\n{{ voice.greeting_nameless }} {{ voice.signature|fill(brand=brand.name) }}"}
    texts |= {"own/push.en.j2": "t\nx", "brand.toml": '[voice.fr]\ngreeting_nameless = "Bonjour,"\n'}
    made = Templates.load(folder(tmp_path, texts))
    assert made.check() == []
    assert made.render("own", "push", "fr", CONTEXT).text == "Bonjour, Your Kizashi team"


def test_entries_of_ones_own_can_be_named_in_the_languages_that_have_them(tmp_path: Path) -> None:
    texts = {
        "own/push.en.j2": "t\n{{ voice.thanks }}",
        "own/push.ja.j2": "題\n{{ voice.thanks }}",
        "brand.toml": '[voice.ja]\nthanks = "いつもありがとうございます"\n',
    }
    (problem,) = Templates.load(folder(tmp_path, texts)).check()
    assert problem.file.endswith("own/push.en.j2")
    assert problem.message.startswith("'voice' has no 'thanks'")


def test_words_are_looked_at_too(tmp_path: Path) -> None:
    (problem,) = branded(tmp_path, "[units]\nfroth = 3\n", "words.toml").check()
    assert (problem.line, problem.message) == (2, "units.froth: must be text in quotes, not 3")


def test_every_text_of_a_voice_is_shipped_in_both_languages() -> None:
    shipped = Templates.load().brand.voices
    for language in ("en", "ja"):
        assert set(shipped[language]) == {*PLACES, "severity"}


@pytest.mark.parametrize(
    ("front", "back", "expected"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#ffffff", 8.59)],
)
def test_contrast_is_the_one_of_wcag(front: str, back: str, expected: float) -> None:
    assert contrast(front, back) == pytest.approx(expected, abs=0.01)


_COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(_COLOURS, _COLOURS)
def test_contrast_does_not_ask_which_is_in_front(front: str, back: str) -> None:
    assert contrast(front, back) == contrast(back, front)
    assert 1 <= contrast(front, back) <= 21


@given(_COLOURS, _COLOURS)
def test_the_colour_that_is_offered_instead_can_be_read(colour: str, other: str) -> None:
    mended = nearest(colour, other)
    assert contrast(mended, other) >= min(MIN_CONTRAST, max(contrast("#000000", other), contrast("#ffffff", other)))


def warned(root: Path, text: str) -> list[tuple[int | None, str]]:
    made = branded(root, text)
    assert made.check() == []
    return [(each.line, each.message) for each in made.warnings()]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[brand.light]\naccent = "#ffcc00"', 2, "brand.light: accent on page #f3f4f6 has a contrast of 1.4"),
        ('[brand.light]\non_accent = "#336b66"', 2, "on_accent on accent #0f5c55 has a contrast of 1.3"),
        ('[brand.dark]\n# x\naccent = "#777777"\non_accent = "#888888"', 3, "accent on page #0f1417 has a contrast of"),
        ('[brand.dark]\ncard = "#aaaaaa"', 2, "quiet on card #aaaaaa has a contrast of 1.0"),
        ('[brand.severity]\nmajor = "#ffcc00"', 2, "major on the badge, behind white text, has a contrast of 1.5"),
    ],
)
def test_a_colour_that_is_hard_to_read_is_warned_of_with_its_line_and_one_that_would_do(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    found = warned(tmp_path, text)
    assert line in {at for at, _ in found}
    (message,) = [message for _, message in found if said in message]
    assert re.search(r'; \w+ = "#[0-9a-f]{6}" would do$', message)


def test_the_shipped_colours_can_be_read_and_so_can_one_that_is_dark_enough(tmp_path: Path) -> None:
    assert warned(tmp_path, '[brand.light]\naccent = "#0b5394"') == []


def test_a_brand_says_who_is_behind_it(tmp_path: Path) -> None:
    ((line, said),) = warned(tmp_path, '[brand]\nname = "Mizu"\ncontact = "help@mizu.example"')
    assert (line, said.startswith("has no legal_name in [brand]: promotions must name the sender")) == (None, True)
    assert warned(tmp_path, '[brand]\nname = "Mizu"\ncontact = "x"\nlegal_name = "Mizu Ltd"') == []


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "push.en.j2").write_text("title\ntext", encoding="utf-8-sig")
    (tmp_path / "brand.toml").write_text('[brand]\nname = "Mizu"', encoding="utf-8-sig")
    made = Templates.load(tmp_path)
    assert made.check() == []
    assert made.render("own", "push", "en", CONTEXT).title == "title"


@pytest.mark.parametrize(("name", "line"), [("brand.toml", 2), ("own/push.ja.j2", 2)])
def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path, name: str, line: int) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "push.en.j2").write_text("title\ntext")
    (tmp_path / name).write_bytes('[brand]\nname = "ミズ"'.encode("cp932"))
    (problem,) = [each for each in Templates.load(tmp_path).check() if "UTF-8" in each.message]
    assert (problem.file, problem.line) == (str(tmp_path / name), line)
    assert problem.message.endswith("save it as UTF-8")
