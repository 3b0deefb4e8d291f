"""Backtests: what is asked, how far one has come, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from gateway.api.shapes.plain import Shape, Utc
from gateway.api.shapes.rules import FileName, RuleProblem
from gateway.past.run import Tried

MAX_RULES = 200


def _from_ms(value: Any) -> Any:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else value


At = Annotated[Utc, BeforeValidator(_from_ms)]
"""Event time: ms in the core, RFC 3339 outside."""


class BacktestBody(Shape):
    """Rules to try on the past. Without `files`: the rules that are live, over the time that is asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "files": {
                        "chillers.yaml": "rules:\n  - id: chiller-too-warm\n    when: {metric: temperature, above: 7}\n"
                        "    purpose: maintenance\n    then:\n      notify: {template: alert}\n"
                    },
                    "since": "7d",
                    "rule": ["chiller-too-warm"],
                }
            ]
        }
    )

    files: Annotated[dict[FileName, str] | None, Field(max_length=200)] = None
    since: Annotated[str, Field(max_length=60, description="`7d`, `12h`, or ISO 8601 (UTC without a zone).")]
    until: Annotated[str | None, Field(max_length=60, description="Like `since`; left out: now.")] = None
    rule: Annotated[list[str], Field(max_length=MAX_RULES)] | None = Field(
        default=None, description="Ids of the rules to report on; left out: all."
    )
    wait: bool = Field(default=False, description="Answer when it is done; for short times.")


class HappeningAnswer(Shape):
    """One alert, as an example."""

    at: At
    transition: str
    subject: str
    customer_id: str | None
    store_id: str | None
    severity: str
    summary: str


class NamedAnswer(Shape):
    """Somebody, or something, and how often the rule fired."""

    id: str
    count: int


class TallyAnswer(Shape):
    """What one version of a rule decided. `per_day`: how often it fired, by day (UTC)."""

    version: str
    counts: dict[str, int]
    devices: int
    customers: int
    first_at: At | None
    last_at: At | None
    per_day: dict[str, int]
    top_devices: list[NamedAnswer]
    top_customers: list[NamedAnswer]
    examples: list[HappeningAnswer]
    faults: int
    first_fault: str


class ChangeAnswer(Shape):
    """An alert that would be otherwise."""

    kind: Literal["new", "gone", "changed"]
    subject: str
    customer_id: str | None
    at: At | None
    live_at: At | None
    says: str


class RuleTried(Shape):
    """One rule: what the candidate would have decided, what the live rule would have, and the difference."""

    rule_id: str
    candidate: TallyAnswer | None
    live: TallyAnswer | None
    same: int
    new: int
    gone: int
    changed: int
    changes: list[ChangeAnswer]
    devices_gained: list[str]
    devices_lost: list[str]


class BacktestResult(Shape):
    """The whole answer. `remarks`: what to know before believing it."""

    events: int
    first_at: At | None
    last_at: At | None
    compared: bool
    differs: bool
    rules: list[RuleTried]
    remarks: list[str]
    set_aside: int

    @classmethod
    def of(cls, tried: Tried) -> BacktestResult:
        """As the API, and `--json`, give it."""
        about = {name: getattr(tried.report, name) for name in tried.report.__struct_fields__}
        return cls.model_validate(
            {**about, "differs": tried.report.differs, "remarks": tried.remarks, "set_aside": tried.set_aside},
            from_attributes=True,
        )


State = Literal["waiting", "running", "done", "failed", "cancelled"]


class BacktestAnswer(Shape):
    """How far a backtest has come. `progress` is 0 to 1."""

    id: str
    state: State
    progress: float
    events: int
    error: str | None = None
    asked_at: Utc
    result: BacktestResult | None = None
    warnings: list[RuleProblem] = Field(default_factory=list)
