"""What comes back for mails, in the forms in which mail servers write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.email.reports import MAX_BYTES, Report, read_report

RETURNED = Path(__file__).parent / "returned"
OURS = "bounce+m_00000000000000000000000000000001.abcdefghijklmnop@mail.example.com"


def sample(name: str) -> bytes:
    return (RETURNED / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(
    ("name", "kind", "status", "dead"),
    [
        ("postfix_unknown_user", "failed", "5.1.1", True),
        ("postfix_delayed", "delayed", "4.4.1", False),
        ("exim_generic_status", "failed", "5.1.1", True),
        ("exchange_full_mailbox", "failed", "5.2.2", False),
        ("gmail_given_up", "failed", "4.4.7", False),
        ("international", "failed", "5.1.10", True),
        ("complaint", "complaint", "abuse", False),
    ],
)
def test_a_report_says_what_became_of_the_mail(name: str, kind: str, status: str, dead: bool) -> None:
    report = read_report(sample(name))
    assert report is not None
    assert (report.kind, report.status, report.address_is_dead) == (kind, status, dead)
    assert OURS in report.came_to


@pytest.mark.parametrize("name", ["out_of_office", "read_receipt"])
def test_automatic_answers_and_reading_receipts_are_no_reports(name: str) -> None:
    assert read_report(sample(name)) is None


def test_line_ends_of_unix_are_read_too() -> None:
    mail = sample("postfix_unknown_user")
    assert read_report(mail.replace(b"\r\n", b"\n")) == read_report(mail)


def test_a_report_inside_the_returned_mail_is_not_ours() -> None:
    inner = sample("postfix_unknown_user")
    outer = (
        b"To: someone@example.com\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; boundary="outer"\r\n\r\n'
        b"--outer\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--outer--\r\n"
    )
    assert read_report(outer) is None


def test_the_gravest_word_on_several_recipients_counts() -> None:
    mail = sample("postfix_delayed").replace(
        b"Will-Retry-Until", b"\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.7.1\r\nX-Other"
    )
    report = read_report(mail)
    assert report is not None
    assert (report.kind, report.status, report.address_is_dead) == ("failed", "5.7.1", False)


def test_what_no_database_keeps_is_taken_out_of_the_other_servers_words() -> None:
    mail = sample("postfix_unknown_user").replace(b"User unknown", b"User\x00 \xff\xed\xa0\x80 unknown")
    report = read_report(mail)
    assert report is not None
    assert report.diagnostic.isprintable()
    assert report.diagnostic.encode()
    assert report.status == "5.1.1"


def test_a_complaint_taken_back_is_none() -> None:
    assert read_report(sample("complaint").replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")) is None


def test_parts_within_parts_without_end_are_left_alone() -> None:
    deep = b"".join(b'Content-Type: multipart/report; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(5_000))
    assert read_report(deep) is None


def test_a_large_returned_mail_does_not_hide_the_report_before_it() -> None:
    report = read_report(sample("postfix_unknown_user") + b"x" * (2 * MAX_BYTES))
    assert report is not None
    assert report.status == "5.1.1"


@given(
    name=st.sampled_from(["postfix_unknown_user", "exchange_full_mailbox", "complaint", "international"]),
    place=st.integers(0, 3_000),
    junk=st.binary(max_size=40),
    cut=st.booleans(),
)
def test_a_damaged_report_never_raises(name: str, place: int, junk: bytes, cut: bool) -> None:
    mail = sample(name)
    damaged = mail[:place] + junk + (b"" if cut else mail[place + len(junk) :])
    assert isinstance(read_report(damaged), Report | None)


@given(st.binary(max_size=400))
def test_noise_is_no_report(noise: bytes) -> None:
    assert read_report(b'Content-Type: multipart/report; boundary="x"\r\n\r\n' + noise) is None
