"""The rule set in force, and what is wrong with a new one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from gateway.api.context import Here
from gateway.api.problems import Problem
from gateway.api.shapes.rules import CheckAnswer, RuleProblem, RulesAnswer, RulesBody
from gateway.rules_dir import MAX_BYTES
from gateway.storage import rule_folders, rule_sets
from rules.document import parse
from rules.problem import RuleErrors

router = APIRouter(prefix="/v1/rules", tags=["rules"])

FOLDER_WINS = "This set holds until a file in {} (rules.dir) is saved: then the folder's set holds again."
ONE_FILE = "rules.yaml"
"""The name of a set that is sent as bare YAML."""

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": RulesBody.model_json_schema()},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}


async def sent_files(request: Request) -> dict[str, str]:
    """The set in the body: JSON ``{"files": {name: text}}``, or one bare YAML file.

    Raises:
        RequestValidationError: neither.
    """
    body = await request.body()
    if "yaml" in request.headers.get("content-type", ""):
        body = RulesBody(files={ONE_FILE: _text(body)}).model_dump_json().encode()
    try:
        files = RulesBody.model_validate_json(body).files
    except ValidationError as error:
        places = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(places) from error
    if sum(len(text.encode()) for text in files.values()) > MAX_BYTES:
        raise Problem(422, f"The rules are longer than {MAX_BYTES} bytes together; leave out what is not needed.")
    return dict(files)


Files = Annotated[dict[str, str], Depends(sent_files)]


@router.get("")
def get_rules(api: Here) -> RulesAnswer:
    """The newest set, with each file as it was put; and what was last made of `rules.dir`, if that is set."""
    with api.engine.connect() as connection:
        return RulesAnswer.of(rule_sets.newest(connection), rule_folders.get(connection) if api.rules_dir else None)


@router.put("", openapi_extra=_BODY)
def put_rules(api: Here, files: Files) -> RulesAnswer:
    """Replace the whole set, if nothing is wrong with it. Bare YAML (`application/yaml`) is a set of one file."""
    feed = api.feed
    checked = check(files, api.templates)
    if checked.problems:
        places = [problem.model_dump() for problem in checked.problems]
        reason = f"The rules have {_number(checked.problems)}; the ones before stay in force."
        raise Problem(422, reason, errors=places)
    with api.engine.begin() as connection:
        rule_sets.put(connection, files)
    feed.publish_rules()
    answer = get_rules(api)
    answer.warnings = checked.warnings
    if api.rules_dir is not None:
        answer.note = FOLDER_WINS.format(api.rules_dir)
    return answer


@router.post("/check", openapi_extra=_BODY)
def check_rules(api: Here, files: Files) -> CheckAnswer:
    """Say everything that is wrong with a set, or may not be meant, and change nothing."""
    return check(files, api.templates)


def check(files: dict[str, str], templates: Collection[str]) -> CheckAnswer:
    """Everything wrong with ``files``, in their order; ``templates`` are those that a rule may name."""
    try:
        ruleset = parse(files, known_templates=templates)
    except RuleErrors as error:
        return CheckAnswer(ok=False, problems=[RuleProblem.of(each) for each in error.problems], warnings=[])
    return CheckAnswer(ok=True, problems=[], warnings=[RuleProblem.of(each) for each in ruleset.warnings])


def _number(found: list[RuleProblem]) -> str:
    first = found[0]
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return f"{count}, the first in {first.file} line {first.line}: {first.message} ({first.mend})"


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "The rules are not UTF-8 text; save the file as UTF-8.") from error
