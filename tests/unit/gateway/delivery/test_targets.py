"""A link leads where the rule's author wrote, whatever stands in the values that are filled in."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.targets import target_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(TEXT, TEXT)
def test_a_value_changes_neither_host_nor_shape(device_id: str, code: str) -> None:
    link = "https://shop.example/parts/{device_id}/order?code={offer_code}"
    parts = urlsplit(target_of(link, {"device_id": device_id, "offer_code": code}))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "shop.example", "")
    before, path, after = parts.path.rpartition("/")[0], parts.path.split("/"), parts.path.endswith("/order")
    assert (before.startswith("/parts/"), len(path), after) == (True, 4, True)
    assert unquote(path[2]) == device_id
    assert unquote(parts.query.removeprefix("code=")) == code


def test_what_is_not_known_becomes_empty() -> None:
    assert target_of("https://shop.example/?case={case_id}", {"case_id": None}) == "https://shop.example/?case="


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in() -> None:
    known = {"device_id": "{offer_code}", "offer_code": "SECRET"}
    assert target_of("https://shop.example/{device_id}", known) == "https://shop.example/%7Boffer_code%7D"
