from __future__ import annotations

from pathlib import Path

import pytest

from notifiers.policy import PolicySettings, Reason
from notifiers.policy.planning import CHANNEL_STAGES, CONTACT_STAGES

REFERENCE = (Path(__file__).parents[4] / "docs/reference/policy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_row_in_the_reference(reason: Reason) -> None:
    assert f"| `{reason.value}` |" in REFERENCE


@pytest.mark.parametrize("setting", PolicySettings.__struct_fields__)
def test_every_setting_has_its_row_in_the_reference(setting: str) -> None:
    assert f"| `{setting}` |" in REFERENCE


def test_the_reference_lists_the_stages_in_their_order() -> None:
    in_order = [stage.__module__.rpartition(".")[2].replace("_", " ") for stage in (*CONTACT_STAGES, *CHANNEL_STAGES)]
    rows = [
        line.split("|")[1].strip() for line in REFERENCE.splitlines() if "| contact |" in line or "| channel |" in line
    ]
    assert rows == ["recipient", *in_order, *["addresses"] * 3, *["spending"] * 3, "holdout", "quiet hours"]
