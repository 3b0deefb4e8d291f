"""Rule sets, and what is wrong with them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from gateway.api.shapes.plain import Shape, Utc
from gateway.storage.rule_folders import Folder
from gateway.storage.rule_sets import RuleSet
from rules.problem import Problem

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.ya?ml$")]


class RulesBody(Shape):
    """The whole set: file name to YAML text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "files": {
                        "chillers.yaml": "rules:\n  - id: chiller-too-warm\n    when: {metric: temperature, above: 8}\n"
                        "    severity: major\n    purpose: maintenance\n    then:\n      notify: {template: alert}\n"
                    }
                }
            ]
        }
    )

    files: Annotated[dict[FileName, str], Field(max_length=200)]


class RuleProblem(Shape):
    """One thing wrong, where, and how to mend it."""

    file: str
    line: int
    column: int
    place: str
    message: str
    mend: str

    @classmethod
    def of(cls, problem: Problem) -> RuleProblem:
        """As the API gives it."""
        named = problem._asdict()
        return cls(place=named.pop("path"), **named)


class FolderAnswer(Shape):
    """What was last made of `rules.dir`. Where it can't be used, `problems` says why, and the rules before hold."""

    place: str
    version: str | None
    in_force: bool
    looked_at: Utc
    problems: list[RuleProblem]


class RulesAnswer(Shape):
    """The newest set. `published_at` is when every partition's log had it; null: not yet."""

    version: str | None
    files: dict[str, str]
    created_at: Utc | None
    published_at: Utc | None
    folder: FolderAnswer | None = None
    note: str | None = None
    warnings: list[RuleProblem] = Field(default_factory=list, description="Given by PUT: what is probably not meant.")

    @classmethod
    def of(cls, found: RuleSet | None, folder: Folder | None = None) -> RulesAnswer:
        """As the API gives it; an empty set where there was never one."""
        answer = cls(version=None, files={}, created_at=None, published_at=None)
        if found is not None:
            answer = cls.model_validate(found, from_attributes=True)
        if folder is not None:
            answer.folder = FolderAnswer(
                place=folder.place,
                version=folder.version,
                in_force=answer.version is not None and folder.version == answer.version,
                looked_at=folder.looked_at,
                problems=[RuleProblem.of(problem) for problem in folder.problems],
            )
        return answer


class CheckAnswer(Shape):
    """Whether the set could be put. `warnings`: what can be run, but is probably not meant."""

    ok: bool
    problems: list[RuleProblem]
    warnings: list[RuleProblem]
