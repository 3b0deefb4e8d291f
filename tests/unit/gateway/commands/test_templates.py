"""``kizashi templates`` as its users see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.integration.delivery_fixture import StandIns, start_stand_ins

DOCS = Path(__file__).parents[4] / "docs" / "how-to"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["templates", *arguments])
    return result.exit_code, result.output


def own(text: str, file: str = "own/sms.en.j2") -> Path:
    path = Path("mine") / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return Path("mine")


def test_the_shipped_templates_are_fine() -> None:
    code, output = run("check")
    assert code == 0
    assert "✓ 4 templates in what is shipped: fine" in output


def test_a_fault_is_told_with_file_line_and_mend_and_ends_with_1() -> None:
    code, output = run("check", str(own("hello\n{{ device.nmae }}")))
    assert code == 1
    assert "mine/own/sms.en.j2:2: 'device' has no 'nmae', did you mean 'name'?" in output
    assert "1 problem" in output


def test_a_second_segment_is_a_warning_and_leaves_the_exit_code() -> None:
    code, output = run("check", str(own("x {{ summary }}")))
    assert code == 0
    assert "warning: mine/own/sms.en.j2: takes" in output
    assert "fine, with 1 warning" in output


def test_the_folder_of_the_settings_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_TEMPLATES__DIR", str(own("{{ nothing }}")))
    assert run("check")[0] == 1


def test_a_preview_says_the_words_and_how_many_segments_they_take() -> None:
    code, output = run("preview", "alert", "--channel", "sms", "--language", "ja")
    assert code == 0
    assert output.startswith("【Kizashi】冷蔵ショーケース7の異常を検知。")
    assert "1 segment (62 units of UCS-2)" in output


def test_a_preview_says_what_it_costs_where_the_settings_know_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_POLICY__SMS_COST", '{"JP": 0.08}')
    _, output = run("preview", "alert", "--channel", "sms", "--language", "ja")
    assert "1 segment (62 units of UCS-2), costs 0.08" in output


def test_the_how_to_page_shows_what_really_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "connect-twilio.md").read_text(encoding="utf-8")
    (command, shown) = re.findall(r"(?m)^\$ kizashi templates (preview .*)\n((?:.+\n)+?)```", page)[0]
    monkeypatch.setenv("KIZASHI_POLICY__SMS_COST", '{"JP": 0.08}')
    assert run(*command.split()) == (0, shown)


def test_web_push_is_shown_with_its_own_limit_and_whose_text_it_is() -> None:
    code, output = run("preview", "alert", "--channel", "webpush")
    assert code == 0, output
    assert "the text of push, as there is none for webpush" in output
    assert "of 3,993 bytes" in output
    code, output = run(
        "preview", "own", "--channel", "webpush", "--templates", str(own("T\ntext", "own/webpush.en.j2"))
    )
    assert code == 0, output
    assert "the text of" not in output
    assert "of 3,993 bytes" in output


def test_the_inbox_and_webhooks_are_shown_with_the_text_they_borrow() -> None:
    for channel in ("inbox", "webhook"):
        code, output = run("preview", "alert", "--channel", channel, "--language", "ja")
        assert code == 0, output
        assert f"the text of push, as there is none for {channel}" in output


def test_a_web_push_that_is_too_long_for_a_browser_is_a_problem() -> None:
    code, output = run("check", str(own("T\n" + "x" * 3_072, "own/webpush.en.j2")))
    assert code == 1
    assert "webpush takes 3072; shorten it with |clip" in output


def test_html_is_written_to_a_file() -> None:
    code, _ = run("preview", "alert", "--channel", "email", "--output", "mail.html")
    assert code == 0
    assert "Chiller 7 needs your attention</h1>" in Path("mail.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("preview", "alrt"), "there is no template 'alrt', did you mean 'alert'?; there are alert"),
        (("preview", "alert", "--channel", "fax"), "no fax text"),
        (("check", "nowhere"), "nowhere is not a folder"),
        (("send-test", "alert", "--channel", "sms", "--to", "12"), "must start with +"),
        (("send-test", "alert", "--channel", "webpush", "--to", "{}"), "'{}' "),
        (("send-test", "alert", "--channel", "inbox", "--to", "x"), "it can by push, sms, email, webpush"),
        (("send-test", "alert", "--channel", "sms", "--to", "+819012345678"), "not sent: refused: channel_not_conf"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert said in output


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[StandIns]:
    yield from start_stand_ins()


def test_a_test_goes_to_the_address_given_and_says_that_it_is_one(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIZASHI_SMTP__HOST", "127.0.0.1")
    monkeypatch.setenv("KIZASHI_SMTP__PORT", str(stand_ins.smtp_port))
    monkeypatch.setenv("KIZASHI_SMTP__STARTTLS", "false")
    monkeypatch.setenv("KIZASHI_SMTP__FROM", "Kizashi <care@kizashi.example>")
    code, output = run("send-test", "alert", "--channel", "email", "--to", "me@example.com")
    assert code == 0, output
    assert "accepted by the provider" in output
    (mail,) = stand_ins.messages(to="me@example.com")
    assert mail["title"].startswith("[Test] Chiller 7")


def test_with_the_sandbox_on_it_says_where_to_send_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_SANDBOX", "true")
    code, output = run("send-test", "alert", "--to", "token")
    assert code == 1
    assert "/console/templates/alert" in output


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("hello", 0, "5 in en, ja"),
        ("{{ summary }} {{ device.name }}", 0, "1 warned of: kizashi templates check"),
        ("hello {{ nothing }}", 1, "(1 in all: kizashi templates check)"),
    ],
)
def test_the_doctor_has_a_line_on_templates(monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str) -> None:
    monkeypatch.setenv("KIZASHI_TEMPLATES__DIR", str(own(text)))
    monkeypatch.setenv("COLUMNS", "500")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == code
    assert said in next(line for line in result.output.splitlines() if line.split()[1:2] == ["templates"])
