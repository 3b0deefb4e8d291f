"""What people who write templates get wrong: each is told with its place and its mend, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifiers.templates import Templates
from tests.unit.notifiers.templates.folders import folder

MAIL = {"own/email.en.txt.j2": "title\ntext"}
LAYOUT = '{% extends "layout.html.j2" %}\n{% import "parts.html.j2" as parts %}\n'


def told(root: Path, files: dict[str, str]) -> list[str]:
    return [str(each).removeprefix(f"{root}/") for each in Templates.load(folder(root, files)).check()]


def warned(root: Path, files: dict[str, str]) -> list[str]:
    made = Templates.load(folder(root, files))
    assert made.check() == []
    return [str(each).removeprefix(f"{root}/") for each in made.warnings()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ device.name|clip }}", "clip is used as in {{ device.name|clip(40) }}: clip() missing 1 required"),
        ("{{ device.name|clip(max=3) }}", "clip is used as in {{ device.name|clip(40) }}: clip() got an unexpected"),
        ('{{ device.name|clip("x") }}', "a number is compared with a text"),
        ("{{ device.name|truncate(3) }}", "No filter named 'truncate'; write |clip(40)"),
        ("{{ values.x|round(1) }}", "No filter named 'round'; write |number(1)"),
        ("{{ device.name|clp(3) }}", "No filter named 'clp', did you mean 'clip'?"),
        ('{{ "%.1f" % values.x }}', "is not available in templates; write |number(1) for a number"),
        ('{{ at.strftime("%H") }}', "write {{ at|local_time }}"),
        ("{{ device.name.upper() }}", "write {{ device.name|upper }}"),
        ("{{ device.name }", "unexpected '}'; an expression stands between {{ and }}"),
        ("{% if store %}a{% else if link %}b{% endif %}", "write {% elif … %}, not {% else if … %}"),
        ("{# x", "Missing end of comment tag; a comment ends with #}"),
        ("{{ store.name }}", "write {% if … %} around what may be None, as in {% if store %}"),
        ('{% include "foter.txt.j2" %}', "there is no file foter.txt.j2, did you mean 'footer.txt.j2'?"),
        ('x{% if link %}{% include "foter.txt.j2" %}{% endif %}', "did you mean 'footer.txt.j2'?"),
    ],
)
def test_in_a_text(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = told(tmp_path, {"own/push.en.j2": f"title\n{text}"})
    assert problem.startswith("own/push.en.j2:2: ")
    assert said in problem


def test_a_part_that_may_be_missing_is_no_mistake(tmp_path: Path) -> None:
    assert told(tmp_path, {"own/push.en.j2": 'title\ntext {% include "mine.txt.j2" ignore missing %}'}) == []


@pytest.mark.parametrize(
    ("html", "line", "said"),
    [
        (LAYOUT + "{% block boddy %}x{% endblock %}", 3,
         "no block 'boddy', so nothing of it is shown, did you mean 'body'?"),
        (LAYOUT + '{% block body %}{{ parts.paragrph("x", brand.light) }}{% endblock %}', 3,
         "parts.html.j2 has no macro 'paragrph', did you mean 'paragraph'?"),
        (LAYOUT + '{% block body %}{{ parts.paragraph("x") }}{% endblock %}', 3,
         "parts.paragraph() lacks light; it takes (text, light)"),
        ('{% extends "layuot.html.j2" %}', 1, "there is no file layuot.html.j2, did you mean 'layout.html.j2'?"),
        ('{% import "part.html.j2" as parts %}x', 1, "there is no file part.html.j2, did you mean 'parts.html.j2'?"),
    ],
)  # fmt: skip
def test_in_what_a_mail_takes_from_others(tmp_path: Path, html: str, line: int, said: str) -> None:
    (problem,) = told(tmp_path, MAIL | {"own/email.en.html.j2": html})
    assert problem.startswith(f"own/email.en.html.j2:{line}: ")
    assert said in problem


def test_blocks_within_blocks_and_macros_with_defaults_are_no_mistake(tmp_path: Path) -> None:
    mine = '{% macro two(a, b="x") %}{{ a }}{{ b }}{% endmacro %}'
    html = LAYOUT + '{% import "mine.html.j2" as mine %}{% block body %}{% block inner %}{{ mine.two("a") }}'
    html += '{{ parts.paragraph(light=brand.light, text="x") }}{% endblock %}{% endblock %}'
    assert told(tmp_path, MAIL | {"mine.html.j2": mine, "own/email.en.html.j2": html}) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own/push.j2", "the language is missing, as in push.en.j2"),
        ("own/email.en.j2", "an email is two files, email.en.txt.j2 and email.en.html.j2"),
        ("own/sms.en.txt.j2", "the name must be CHANNEL.LANGUAGE.j2, such as push.en.j2"),
        ("own/push.en_gb.j2", "is the same text as own/push.en-GB.j2; leave one of them out"),
    ],
)
def test_in_a_files_name(tmp_path: Path, name: str, said: str) -> None:
    files = {"own/push.en.j2": "title\ntext", "own/push.en-GB.j2": "title\ntext", name: "title\ntext"}
    (problem,) = told(tmp_path, files)
    assert problem.startswith(f"{name}: ")
    assert said in problem


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("own/push.ja.jinja2", "own/push.ja.jinja2", "is not read: template files end in .j2"),
        ("own/push.ja.J2", "own/push.ja.J2", "is not read: template files end in .j2"),
        ("own/ja/push.j2", "own/ja", "is too deep"),
        ("push.en.j2", "push.en.j2", "is a part, not a text: put it into a folder named after its template"),
        ("Brand.toml", "Brand.toml", "is not read: did you mean brand.toml?"),
        ("own/brand.toml", "own/brand.toml", "is not read: brand.toml stands beside the folders"),
        ("empty/notes.txt.j2x", "empty", "has no texts: a template is a folder with files such as push.en.j2"),
        ("own/pusch.en.j2", "own/pusch.en.j2", "is for a channel 'pusch'; did you mean 'push'?"),
        ("own/push.ja.j2", "own", "sms has no text in 'ja', which own speaks elsewhere: such readers get 'en'"),
    ],
)
def test_in_where_a_file_stands_and_what_it_leaves_out(tmp_path: Path, name: str, place: str, said: str) -> None:
    files = {"own/push.en.j2": "title\ntext", "own/sms.en.j2": "text", name: "title\ntext"}
    assert [each for each in warned(tmp_path, files) if each.startswith(f"{place}: ") and said in each]


def test_a_folder_without_a_mistake_is_not_warned_of(tmp_path: Path) -> None:
    files = {"own/push.en.j2": "title\ntext {{ device.name }}", "own/sms.en.j2": "x", "own/sms.en-gb.j2": "y"}
    files |= {"mine.txt.j2": "part", ".idea/x.j2": "{{", "own/whatsapp.en.j2": "title\ntext"}
    assert warned(tmp_path, files) == []


@pytest.mark.parametrize("text", ["{ device.name }", "${device.name}", "x\n{ summary|sentence }"])
def test_single_braces_are_warned_of_with_their_line(tmp_path: Path, text: str) -> None:
    (said,) = warned(tmp_path, {"own/push.en.j2": f"title\n{text}"})
    assert said.startswith(f"own/push.en.j2:{2 + text.count(chr(10))}: prints {{")
    assert said.endswith(("; write {{ device.name }}", "; write {{ summary|sentence }}"))


@pytest.mark.parametrize(
    ("files", "mend"),
    [
        ({"offer/sms.en.j2": "{{ brand.name }}: come in!"}, "end with {{ voice.refuse_by_sms }}"),
        ({"offer/email.en.txt.j2": "t\nx", "offer/email.en.html.j2": "x"}, 'include "footer_offer.txt.j2"'),
    ],
)
def test_an_offer_of_ones_own_says_how_to_refuse_the_next(tmp_path: Path, files: dict[str, str], mend: str) -> None:
    (said,) = warned(tmp_path, files)
    assert said.endswith(f"does not say how to refuse the next offer, which the law asks for; {mend}")
    good = {"offer/sms.en.j2": "{{ brand.name }}: come in! {{ voice.refuse_by_sms }}"}
    assert not [each for each in warned(tmp_path, good) if each.startswith("offer/sms")]


def test_a_push_beyond_its_limit_says_so_with_the_mend(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, {"own/push.en.j2": "title\n" + "x" * 5_000})
    assert problem.endswith("gives 5005 bytes, push takes 3072; shorten it with |clip")
