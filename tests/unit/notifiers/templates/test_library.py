from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

from notifiers.templates import (
    ContextError,
    NoTextError,
    Problem,
    RenderError,
    TemplateError,
    Templates,
    UnknownTemplateError,
)
from tests.unit.notifiers.templates.folders import CONTEXT, JAPANESE, custom, folder, pushed

SHIPPED = Templates.load()


@pytest.mark.parametrize(
    ("locale", "japanese"),
    [("ja", True), ("ja-JP", True), ("ja_JP", True), ("JA-jp", True), ("ja-Hira-JP", True),
     ("en-GB", False), ("fr-CA", False), ("", False), ("-", False)],
)  # fmt: skip
def test_a_locale_falls_back_by_its_parts_and_then_to_english(locale: str, japanese: bool) -> None:
    title = SHIPPED.render("resolved", "push", locale, CONTEXT).title
    assert title == ("Chiller 7は正常な状態に戻りました" if japanese else "Chiller 7 is back to normal")


def test_a_more_special_locale_wins(tmp_path: Path) -> None:
    made = Templates.load(folder(tmp_path, {"own/push.en.j2": "a\nb", "own/push.en-GB.j2": "colour\nb"}))
    assert made.render("own", "push", "en-GB", CONTEXT).title == "colour"
    assert made.render("own", "push", "en-US", CONTEXT).title == "a"


def test_another_default_language_may_be_set(tmp_path: Path) -> None:
    made = Templates.load(folder(tmp_path, {"own/push.ja.j2": "題\n文"}), default_language="ja")
    assert made.render("own", "push", "de", CONTEXT).title == "題"
    assert made.check() == []


def test_an_unknown_template_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnknownTemplateError, match=r"'welcome'; there are alert, digest, offer, resolved"):
        SHIPPED.render("welcome", "push", "en", CONTEXT)


def test_a_channel_without_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoTextError, match="no sms text"):
        custom(tmp_path, "t\nx").render("own", "sms", "en", CONTEXT)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"templates\.dir: .* is not a folder"):
        Templates.load(tmp_path / "nowhere")


def test_an_own_file_replaces_the_shipped_one_and_leaves_the_others(tmp_path: Path) -> None:
    made = custom(tmp_path, "Mine\nis shorter", "resolved/push.en.j2")
    assert made.render("resolved", "push", "en", CONTEXT).title == "Mine"
    assert made.render("resolved", "push", "ja", JAPANESE) == SHIPPED.render("resolved", "push", "ja", JAPANESE)
    assert made.check() == []


def test_an_own_template_may_use_the_shipped_parts(tmp_path: Path) -> None:
    html = '{% extends "layout.html.j2" %}{% block heading %}Hi{% endblock %}'
    files = {"own/email.en.html.j2": html, "own/email.en.txt.j2": 'T\nx\n{% include "footer.txt.j2" %}'}
    made = Templates.load(folder(tmp_path, files))
    assert made.check() == []
    rendered = made.render("own", "email", "en", CONTEXT)
    assert "Your Kizashi team" in rendered.text
    assert ">Hi</h1>" in (rendered.html or "")


def test_the_brand_is_set_in_one_place(tmp_path: Path) -> None:
    brand = '[brand]\nname = "Mizu & Co"\ncontact = "help@mizu.example"\n[brand.light]\naccent = "#123456"\n'
    made = Templates.load(folder(tmp_path, {"brand.toml": brand}))
    assert made.check() == []
    assert made.render("alert", "sms", "ja", JAPANESE).text.startswith("【Mizu & Co】")
    mail = made.render("alert", "email", "en", CONTEXT)
    assert "Questions? help@mizu.example" in mail.text
    assert "Mizu &amp; Co" in (mail.html or "")
    assert "#123456" in (mail.html or "")


def test_a_metrics_name_and_unit_are_set_in_one_place(tmp_path: Path) -> None:
    made = Templates.load(folder(tmp_path, {"words.toml": '[units]\nfroth = "mm"\n[en]\nfroth = "Froth height"\n'}))
    assert "Froth height: 3 mm" in made.render("alert", "email", "en", {**CONTEXT, "values": {"froth": 3}}).text


def test_a_resolved_alert_has_a_template_of_its_own_where_there_is_one(tmp_path: Path) -> None:
    made = custom(tmp_path, "t\nx", "own-resolved/push.en.j2")
    assert made.for_transition("own", "resolved") == "own-resolved"
    assert made.for_transition("alert", "resolved") == "resolved"
    assert made.for_transition("own", "firing") == "own"


class TestCheck:
    def problems(self, root: Path, text: str, file: str = "own/push.en.j2") -> list[Problem]:
        return custom(root, text, file).check()

    def test_a_name_beyond_the_contract_is_a_fault_with_its_line(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\n\n{{ costumer.name }}")
        assert problem.line == 3
        assert problem.file.endswith("own/push.en.j2")
        assert problem.message.startswith("'costumer' is not known, did you mean 'customer'? (templates may use at, ")

    def test_so_is_an_unknown_field(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\n{{ device.colour }}")
        assert "colour" in problem.message

    def test_so_is_a_store_that_may_not_be_there(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\n{{ store.name }}")
        assert "'None' has no attribute 'name'" in problem.message

    def test_so_is_printing_what_may_be_none(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\nSee {{ link }}")
        assert "may be None" in problem.message
        assert pushed(tmp_path, "See {{ link }}", link=None) == "See"

    def test_any_metric_may_be_named(self, tmp_path: Path) -> None:
        assert self.problems(tmp_path, "t\n{{ values.whatever|number }} {{ values['other-one'] * 2 }}") == []

    def test_and_all_of_them_may_be_listed(self, tmp_path: Path) -> None:
        text = "t\nx{% for name, value in values.items() %}{{ name }} {{ value }}{% endfor %}"
        assert self.problems(tmp_path, text) == []

    @pytest.mark.parametrize(
        ("text", "line"), [("t\n{{ }}", 2), ("t\n\n{% if %}", 3), ("t\n{{ at|nofilter }}", 2), ("t\n{% for %}", 2)]
    )
    def test_a_mistake_in_the_language_has_its_line(self, tmp_path: Path, text: str, line: int) -> None:
        (problem,) = self.problems(tmp_path, text)
        assert problem.line == line

    def test_a_broken_file_leaves_the_others_usable(self, tmp_path: Path) -> None:
        made = custom(tmp_path, "{{", "alert/push.en.j2")
        with pytest.raises(RenderError, match=r"alert/push\.en\.j2:1"):
            made.render("alert", "push", "en", CONTEXT)
        assert made.render("alert", "sms", "en", CONTEXT).text

    def test_a_fault_in_an_included_part_names_the_part(self, tmp_path: Path) -> None:
        made = Templates.load(folder(tmp_path, {"own/push.en.j2": "t\n{% include 'bit.j2' %}", "bit.j2": "\n{{ no }}"}))
        (problem,) = made.check()
        assert (Path(problem.file).name, problem.line) == ("bit.j2", 2)
        assert problem.message.startswith("'no' is not known (")

    def test_a_missing_part_is_named(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\n{% include 'gone.j2' %}")
        assert problem.message == "there is no file gone.j2"

    @pytest.mark.parametrize("file", ["own/push.j2", "own/en.j2", "own/email.en.j2", "own/push.en.html.j2"])
    def test_a_file_name_that_says_nothing_is_a_fault(self, tmp_path: Path, file: str) -> None:
        (problem,) = self.problems(tmp_path, "t\nx", file)
        assert "CHANNEL.LANGUAGE.j2" in problem.message

    def test_a_channel_needs_the_language_that_others_fall_back_to(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "題\n文", "own/push.ja.j2")
        said = "push has no text in 'en', to which other languages fall back; add own/push.en.j2"
        assert problem == Problem(str(tmp_path / "own"), None, said)

    def test_an_email_needs_both_twins(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\nx", "own/email.en.txt.j2")
        assert problem.message == "is one half of an email; write its twin own/email.en.html.j2 too"

    def test_replacing_one_twin_only_is_a_fault(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, "t\nx", "alert/email.en.txt.j2")
        assert "replace alert/email.en.html.j2 too" in problem.message

    @pytest.mark.parametrize("text", ["only a title", "", "\n\n"])
    def test_a_text_is_needed(self, tmp_path: Path, text: str) -> None:
        (problem,) = self.problems(tmp_path, text)
        assert "gives no text" in problem.message

    def test_what_the_provider_would_refuse_is_a_fault(self, tmp_path: Path) -> None:
        assert "push takes 3072" in self.problems(tmp_path, "t\n" + "あ" * 1100)[0].message
        assert "an SMS takes 1600" in self.problems(tmp_path, "x" * 1601, "own2/sms.en.j2")[-1].message

    @pytest.mark.parametrize("file", ["brand.toml", "words.toml"])
    def test_a_broken_brand_is_a_fault_and_the_shipped_one_stays(self, tmp_path: Path, file: str) -> None:
        made = custom(tmp_path, "name = ", file)
        (problem,) = made.check()
        assert problem.file.endswith(file)
        assert made.render("alert", "push", "en", CONTEXT).text

    def test_a_brand_entry_outside_of_a_table_is_a_fault(self, tmp_path: Path) -> None:
        (problem,) = self.problems(tmp_path, 'brand = "Mizu"', "brand.toml")
        assert "must stand in a table" in problem.message

    def test_a_file_that_is_not_utf_8_is_a_fault(self, tmp_path: Path) -> None:
        (folder(tmp_path, {"own/push.en.j2": ""}) / "own/push.en.j2").write_bytes("冷蔵".encode("shift_jis"))
        (problem,) = Templates.load(tmp_path).check()
        assert problem.message == "is not UTF-8 text (byte 0 is no part of it); save it as UTF-8"

    def test_a_problem_reads_as_a_compilers_message(self) -> None:
        assert str(Problem("a/b.j2", 3, "is wrong")) == "a/b.j2:3: is wrong"
        assert str(Problem("a/b.j2", None, "is wrong")) == "a/b.j2: is wrong"


class TestContext:
    def test_without_a_time_nothing_is_rendered(self) -> None:
        with pytest.raises(ContextError, match="'at'"):
            SHIPPED.render("alert", "push", "en", {"device": {"id": "d"}})

    def test_only_json_is_taken(self) -> None:
        with pytest.raises(ContextError, match=r"values\.x is a set, templates take JSON only"):
            SHIPPED.render("alert", "push", "en", {**CONTEXT, "values": {"x": {1, 2}}})

    def test_endless_nesting_is_refused(self) -> None:
        ring: dict[str, object] = {}
        ring["ring"] = ring
        with pytest.raises(ContextError, match="nested deeper"):
            SHIPPED.render("alert", "push", "en", {**CONTEXT, "values": ring})

    @pytest.mark.parametrize("name", ["items", "values", "count", "get", "pop", "keys", "copy"])
    def test_a_metric_may_have_any_name(self, tmp_path: Path, name: str) -> None:
        assert pushed(tmp_path, f"{{{{ values.{name} }}}}", values={name: 7}) == "7"

    def test_a_dict_can_be_walked(self, tmp_path: Path) -> None:
        text = "{% for name, value in values.items() %}{{ name }}={{ value }};{% endfor %}"
        assert pushed(tmp_path, text, values={"a": 1, "b": 2}) == "a=1;b=2;"

    def test_a_device_without_a_name_is_called_by_its_id(self, tmp_path: Path) -> None:
        assert pushed(tmp_path, "{{ device.name }}", device={"id": "x-1", "name": None}) == "x-1"


def test_many_threads_may_render_at_once() -> None:
    def one(number: int) -> bool:
        context = {**CONTEXT, "device": {"id": f"d{number}"}}
        return f"d{number} " in SHIPPED.render("alert", "push", "en", context).title

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert all(threads.map(one, range(400)))
