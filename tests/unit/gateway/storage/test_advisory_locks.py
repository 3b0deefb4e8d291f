"""Advisory locks of different uses are told apart by the first half of their keys."""

from __future__ import annotations

from gateway.storage import chores, rates, spending, turns
from gateway.worker import ownership


def test_no_two_uses_share_a_class() -> None:
    ours = {ownership.PARTITION_LOCK, ownership.PRESENCE_LOCK}
    assert len(ours | {each.CLASS for each in (turns, spending, rates, chores)}) == 6
