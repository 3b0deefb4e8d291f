"""Cases from opening to end."""

from __future__ import annotations

import pytest

from tests.api_fixture import Calls


@pytest.fixture
async def case_id(call: Calls) -> str:
    await call("PUT", "/v1/customers/aiko", json={"name": "Aiko"})
    body = {"title": "Compressor is loud", "customer_id": "aiko", "queue": "cold-chain", "priority": "high"}
    answer = await call("POST", "/v1/cases", role="agent", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_case_goes_from_open_to_resolved_and_each_step_is_on_the_timeline(call: Calls, case_id: str) -> None:
    assigned = await call("POST", f"/v1/cases/{case_id}/assign", role="agent", json={"assignee": "mika"})
    assert assigned.json()["assignee"] == "mika"
    commented = await call("POST", f"/v1/cases/{case_id}/comments", role="agent", json={"body": "Called\nback"})
    assert (commented.status_code, commented.json()["author"]) == (201, "the agent")
    resolved = await call("POST", f"/v1/cases/{case_id}/resolve", role="agent", json={"resolution": "New seal."})
    assert resolved.json()["state"] == "resolved"
    assert resolved.json()["resolved_at"] is not None
    assert [comment["body"] for comment in resolved.json()["comments"]] == ["Called\nback", "New seal."]
    entries = (await call("GET", "/v1/customers/aiko/timeline")).json()["items"]
    events = [entry["detail"]["event"] for entry in reversed(entries)]
    assert events == ["opened", "assigned", "comment", "comment", "resolved"]
    assert {entry["case_id"] for entry in entries} == {case_id}


async def test_a_resolved_case_can_neither_be_assigned_nor_resolved_again(call: Calls, case_id: str) -> None:
    await call("POST", f"/v1/cases/{case_id}/resolve", json={})
    for action, body in (("assign", {"assignee": "mika"}), ("resolve", {})):
        answer = await call("POST", f"/v1/cases/{case_id}/{action}", json=body)
        assert answer.status_code == 409
        assert "resolved already" in answer.json()["detail"]


async def test_cases_are_found_by_what_is_known_of_them(call: Calls, case_id: str) -> None:
    other = (await call("POST", "/v1/cases", json={"title": "Other"})).json()["id"]
    await call("POST", f"/v1/cases/{other}/assign", json={"assignee": "mika"})
    for query, found in (
        ("", [other, case_id]),
        ("?state=open", [other, case_id]),
        ("?state=resolved", []),
        ("?queue=cold-chain", [case_id]),
        ("?assignee=mika", [other]),
        ("?assignee=", [case_id]),
        ("?customer_id=aiko", [case_id]),
    ):
        answer = await call("GET", f"/v1/cases{query}")
        assert [item["id"] for item in answer.json()["items"]] == found, query
    first = (await call("GET", "/v1/cases?limit=1")).json()
    second = (await call("GET", f"/v1/cases?limit=1&cursor={first['next']}")).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [other, case_id]
    assert second["next"] is None


async def test_a_case_needs_a_title_and_a_customer_who_exists(call: Calls) -> None:
    for body in ({}, {"title": ""}, {"title": "x", "customer_id": "nobody"}, {"title": "x", "priority": "now"}):
        assert (await call("POST", "/v1/cases", json=body)).status_code == 422, body
    for action, body in (("assign", {"assignee": "m"}), ("comments", {"body": "x"}), ("resolve", {})):
        assert (await call("POST", f"/v1/cases/none/{action}", json=body)).status_code == 404, action
    for action in ("assign", "comments"):
        assert (await call("POST", f"/v1/cases/none/{action}", json={})).status_code == 422, action
