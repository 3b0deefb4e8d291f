"""What of a digest is still worth telling, as its alert stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.delivery.digests import worthless
from gateway.storage.digest_items import Item, Standing
from notifiers.policy import Reason

NOW = datetime(2026, 3, 1, 18, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRING = Standing("firing", None, None, None, None)


def item(**values: Any) -> Item:
    given = {"customer_id": "c", "decision_id": "d", "alert_id": "a", "purpose": "service", "summary": "s"}
    return Item(**{**given, "request": {}, "expires_at": None, "at": NOON, "due_at": NOW, **values})


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        (FIRING, None),
        (None, Reason.RECOVERED),
        (FIRING._replace(state="resolved"), Reason.RECOVERED),
        (FIRING._replace(state="resolved", ended_by="mika"), Reason.RECOVERED),
        (FIRING._replace(state="resolved", ended_by="passed"), None),
        (FIRING._replace(acknowledged_at=ms(NOON)), Reason.ACKNOWLEDGED),
        (FIRING._replace(acknowledged_at=ms(NOW)), Reason.ACKNOWLEDGED),
        (FIRING._replace(acknowledged_at=ms(NOON) - 1), None),
        (FIRING._replace(snoozed_until=ms(NOW) + 1), Reason.SNOOZED),
        (FIRING._replace(snoozed_until=ms(NOW)), None),
        (FIRING._replace(inhibited_by="offline"), Reason.INHIBITED),
    ],
)
def test_an_alert_is_told_while_it_lasts_and_nobody_has_said_otherwise(
    alert: Standing | None, reason: Reason | None
) -> None:
    assert worthless(item(), alert, NOW) == reason


def test_at_its_expiry_it_is_told_no_more() -> None:
    assert worthless(item(expires_at=NOW), FIRING, NOW) is Reason.EXPIRED
    assert worthless(item(expires_at=NOW + timedelta(milliseconds=1)), FIRING, NOW) is None
