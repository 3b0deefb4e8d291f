"""Cases: what support agents work on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from gateway.api.context import Cursor, Here, Limit, Who
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.plain import Id, Line
from gateway.api.shapes.work import (
    AssignBody,
    CaseAnswer,
    CaseBody,
    CasePage,
    CaseWithComments,
    CommentAnswer,
    CommentBody,
    ResolveBody,
)
from gateway.storage import cases, customers
from gateway.storage.cases import AlreadyResolvedError, Case, State

router = APIRouter(prefix="/v1/cases", tags=["cases"])


@router.get("")
def list_cases(
    api: Here,
    cursor: Cursor = None,
    limit: Limit = 50,
    state: State | None = None,
    queue: Annotated[Line | None, Query()] = None,
    assignee: Annotated[Line | None, Query(description="Empty: nobody's.")] = None,
    customer_id: Id | None = None,
) -> CasePage:
    """Cases, newest first, narrowed by what is given."""
    with api.engine.connect() as connection:
        found = cases.page(
            connection,
            state=state,
            queue=queue,
            assignee=assignee,
            customer_id=customer_id,
            cursor=cursor,
            limit=limit,
        )
    return CasePage.model_validate(found, from_attributes=True)


@router.post("", status_code=201)
def open_case(api: Here, who: Who, body: CaseBody) -> CaseAnswer:
    """Open a case by hand."""
    with api.engine.begin() as connection:
        if body.customer_id is not None and customers.get(connection, body.customer_id) is None:
            raise Problem(422, f"customer_id: there is no customer {body.customer_id!r}.")
        return CaseAnswer.model_validate(cases.open_by_hand(connection, body.to_case(), by=who.name))


@router.get("/{case_id}")
def get_case(api: Here, case_id: Id) -> CaseWithComments:
    """One case with its evidence and everything written on it."""
    with api.engine.connect() as connection:
        return _with_comments(connection, cases.get(connection, case_id), case_id)


@router.post("/{case_id}/assign")
def assign_case(api: Here, who: Who, case_id: Id, body: AssignBody) -> CaseWithComments:
    """Give the case to somebody, or back to its queue."""
    with api.engine.begin() as connection:
        try:
            assigned = cases.assign(connection, case_id, assignee=body.assignee, by=who.name)
        except AlreadyResolvedError as error:
            raise Problem(409, f"{error}.".capitalize()) from error
        return _with_comments(connection, assigned, case_id)


@router.post("/{case_id}/comments", status_code=201)
def comment_case(api: Here, who: Who, case_id: Id, body: CommentBody) -> CommentAnswer:
    """Write on the case; the author is the key's name."""
    with api.engine.begin() as connection:
        written = cases.comment(connection, case_id, author=who.name, body=body.body)
        if written is None:
            raise not_found("case", case_id)
        return CommentAnswer.model_validate(written)


@router.post("/{case_id}/resolve")
def resolve_case(api: Here, who: Who, case_id: Id, body: ResolveBody) -> CaseWithComments:
    """Close the case."""
    with api.engine.begin() as connection:
        try:
            closed = cases.resolve(connection, case_id, by=who.name, resolution=body.resolution)
        except AlreadyResolvedError as error:
            raise Problem(409, f"{error}.".capitalize()) from error
        return _with_comments(connection, closed, case_id)


def _with_comments(connection: Connection, found: Case | None, case_id: str) -> CaseWithComments:
    if found is None:
        raise not_found("case", case_id)
    written = [CommentAnswer.model_validate(each) for each in cases.comments(connection, case_id)]
    answer = CaseAnswer.model_validate(found)
    return CaseWithComments(**{name: getattr(answer, name) for name in CaseAnswer.model_fields}, comments=written)
