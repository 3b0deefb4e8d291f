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
