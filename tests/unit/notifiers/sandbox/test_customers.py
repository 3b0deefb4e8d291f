"""Whose phone, number and mailbox it is, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from notifiers.sandbox import customers as module
from notifiers.sandbox.control import LISTED
from notifiers.sandbox.customers import Addresses, Customer, Customers, FullError
from notifiers.sandbox.server import Options, running

HANAKO = Customer(Addresses(["phone-1", "phone-2"], "+8190", "h@example.com"), "Hanako", "Asia/Tokyo")


def test_a_customer_is_found_by_id_and_by_each_address() -> None:
    known = Customers()
    known.introduce("hanako", HANAKO)
    for name in ("hanako", "phone-2", "+8190", "h@example.com"):
        found = known.find(name, {})
        assert found is not None
        assert (found.id, found.name, found.time_zone) == ("hanako", "Hanako", "Asia/Tokyo")
    assert known.find("taro", {}) is None


def test_addresses_of_strangers_stand_for_themselves_and_the_newest_comes_first() -> None:
    known = Customers()
    known.introduce("hanako", HANAKO)
    known.introduce("quiet", Customer(Addresses()))
    newest = {("sms", "+8190"): (2, 50), ("push", "phone-1"): (1, 70), ("email", "x@example.com"): (4, 90)}
    listed = known.listed({**newest, ("webhook", "http://127.0.0.1/w"): (1, 99)})
    assert [(each.id, each.messages, each.newest) for each in listed] == [
        ("x@example.com", 4, 90),
        ("hanako", 3, 70),
        ("quiet", 0, None),
    ]
    assert listed[0].addresses == Addresses(email="x@example.com")


def test_an_introduction_is_replaced_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    known = Customers()
    known.introduce("hanako", HANAKO)
    known.introduce("hanako", Customer(Addresses(), "花子"))
    assert [each.name for each in known.listed({})] == ["花子"]
    with pytest.raises(FullError):
        known.introduce("taro", HANAKO)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with (
        running(Options(brand="Fabrikam")) as sandbox,
        httpx.Client(base_url=f"http://127.0.0.1:{sandbox.http_port}", trust_env=False) as opened,
    ):
        yield opened


def test_the_page_is_told_only_what_has_changed(client: httpx.Client) -> None:
    first = client.get("/sandbox/shown").json()
    assert (first["customers"], first["view"], first["brand"], first["returns"]) == ([], None, "Fabrikam", False)
    assert client.get("/sandbox/shown", params={"seen": first["version"]}).json()["customers"] is None
    body = {"name": "Hanako", "locale": "ja", "addresses": {"sms": "+8190", "push": []}}
    assert client.put("/sandbox/customers/h/1", json=body).status_code == 204
    changed = client.get("/sandbox/shown", params={"seen": first["version"], "customer": "h/1"}).json()
    assert [each["id"] for each in changed["customers"]] == ["h/1"]
    assert changed["view"]["customer"]["name"] == "Hanako"
    assert client.put("/sandbox/customers/h", content='{"name": 1}').status_code == 422


def test_the_page_lists_only_so_many_customers(client: httpx.Client) -> None:
    for number in range(LISTED + 1):
        form = {"To": f"+8180{number:08}", "From": "+815000000000", "Body": "Text"}
        client.post("/2010-04-01/Accounts/AC1/Messages.json", data=form, auth=("AC1", "sandbox"))
    shown = client.get("/sandbox/shown").json()
    assert (len(shown["customers"]), shown["total"]) == (LISTED, LISTED + 1)
    assert shown["customers"][-1]["id"] == "+818000000001"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost:80", "Origin": "http://localhost:80"}, 200),
        ({}, 200),
    ],
)
def test_another_page_can_not_use_the_sandbox(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = client.post("/sandbox/faults", json={"provider": "fcm", "mode": "500"}, headers=headers)
    assert answer.status_code == status


def test_the_page_runs_nothing_but_its_own_scripts(client: httpx.Client) -> None:
    page = client.get("/customers/anybody")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    for name in ("page.js", "sandbox.css", "mark.svg"):
        assert client.get(f"/assets/{name}").status_code == 200
    assert client.get("/assets/../server.py").status_code == 404
    assert client.get("/assets/page.html").status_code == 404
