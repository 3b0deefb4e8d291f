"""Links can be made by us alone, and each is good for one thing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.links import LinkError, Links, Unsubscribe

LINKS = Links("https://kizashi.example/", "a secret")


def token_of(what: Unsubscribe, links: Links = LINKS) -> str:
    return links.unsubscribe(what).rpartition("/")[2]


@given(st.builds(Unsubscribe, st.text(max_size=60), st.text(max_size=20), st.text(max_size=10)))
def test_what_an_unsubscribe_link_says_is_read_back(what: Unsubscribe) -> None:
    assert LINKS.read_unsubscribe(token_of(what)) == what


@given(st.text(max_size=200))
def test_what_we_did_not_make_is_refused(token: str) -> None:
    with pytest.raises(LinkError):
        LINKS.read_unsubscribe(token)


@given(place=st.integers(0, 10_000), letter=st.sampled_from("ABCxyz019-_"))
def test_a_changed_letter_never_changes_what_a_link_does(place: int, letter: str) -> None:
    what = Unsubscribe("hanako", "offers", "email")
    token = token_of(what)
    at = place % len(token)
    changed = token[:at] + letter + token[at + 1 :]
    with contextlib.suppress(LinkError):
        assert LINKS.read_unsubscribe(changed) == what  # the spare bits of the last letter


def test_another_deployments_links_are_refused() -> None:
    with pytest.raises(LinkError):
        LINKS.read_unsubscribe(token_of(Unsubscribe("c", "p", "email"), Links("https://kizashi.example", "another")))


def test_a_public_url_with_a_path_and_a_slash_gives_clean_links() -> None:
    assert LINKS.sms_status("m1") == "https://kizashi.example/hooks/twilio/status/m1"


def test_an_acknowledgements_token_belongs_to_one_message() -> None:
    assert LINKS.is_ack_token("m1", LINKS.ack_token("m1"))
    assert not LINKS.is_ack_token("m2", LINKS.ack_token("m1"))
    assert not LINKS.is_ack_token("m1", "é")


BOUNCING = Links("https://kizashi.example", "a secret", "Bounces.example.com")
A_MESSAGE = "m_0123456789abcdef0123456789abcdef"


def bounce_address(message_id: str = A_MESSAGE, links: Links = BOUNCING) -> str:
    address = links.bounce_address(message_id)
    assert address is not None
    return address


@given(st.text(alphabet="0123456789abcdef", min_size=32, max_size=32))
def test_a_bounce_address_names_its_message_in_whatever_case_it_comes_back(digits: str) -> None:
    address = bounce_address(f"m_{digits}")
    local = address.partition("@")[0]
    assert len(local) <= 64
    assert local == local.lower()
    for written in (address, address.upper(), f" {address} "):
        assert BOUNCING.read_bounce_address(written) == f"m_{digits}"


@given(st.text(max_size=100))
def test_an_address_that_we_did_not_make_is_refused(address: str) -> None:
    for tried in (address, f"bounce+{address}@bounces.example.com"):
        with pytest.raises(LinkError):
            BOUNCING.read_bounce_address(tried)


@given(place=st.integers(0, 62), letter=st.sampled_from("abcxyz0247"))
def test_a_changed_letter_of_a_bounce_address_is_found(place: int, letter: str) -> None:
    address = bounce_address()
    at = place % address.index("@")
    changed = address[:at] + letter + address[at + 1 :]
    if changed != address:
        with pytest.raises(LinkError):
            BOUNCING.read_bounce_address(changed)


def test_without_a_domain_nothing_comes_back_to_us() -> None:
    assert LINKS.bounce_address(A_MESSAGE) is None
    with pytest.raises(LinkError):
        LINKS.read_bounce_address(bounce_address())


def test_a_token_for_one_purpose_is_worth_nothing_for_another() -> None:
    made = {LINKS.ack_token("m1"), LINKS.click_token("m1"), bounce_address("m1").partition("@")[0].rpartition(".")[2]}
    assert len(made) == 3
    assert not LINKS.is_ack_token("m1", LINKS.click_token("m1"))


def test_a_click_token_has_128_bits_and_stays_the_same() -> None:
    assert LINKS.click("m1") == LINKS.click("m1") == f"https://kizashi.example/c/{LINKS.click_token('m1')}"
    assert len(LINKS.click_token("m1")) == 22
