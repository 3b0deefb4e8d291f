"""What telling customers brings: the orders of those who were told beside those of the holdout group."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, text


class Group(msgspec.Struct, frozen=True):
    """Customers who were treated alike."""

    customers: int
    ordered: int
    """Those with at least one order within the days after their first contact (or after it was held back)."""
    orders: int

    @property
    def share(self) -> float | None:
        """Of those who ordered, 0 to 1; ``None``: there is nobody in the group."""
        return self.ordered / self.customers if self.customers else None


class Lift(msgspec.Struct, frozen=True):
    """A rule's two groups, and how many of its codes were redeemed."""

    told: Group
    held_out: Group
    codes: int
    redeemed: int


# Orders are those that tills posted as touchpoints (tp_…). Redemptions are left out: the holdout group has no codes, so
# counting them would flatter the offer.
_GROUPS: Final = text("""
WITH told AS (
    SELECT c.customer_id, min(c.created_at) AS since FROM contacts AS c
    WHERE c.rule_id = :rule_id AND c.created_at >= :since AND c.request->>'transition' <> 'resolved' AND EXISTS (
        SELECT FROM messages AS m
        WHERE m.contact_id = c.id AND m.state IN ('sending', 'unknown', 'accepted', 'delivered', 'read', 'clicked')
    )
    GROUP BY c.customer_id
), held_out AS (
    SELECT t.customer_id, min(t.at) AS since FROM timeline AS t
    WHERE t.reason = 'holdout' AND t.kind = 'suppression' AND t.rule_id = :rule_id AND t.at >= :since
      AND t.customer_id NOT IN (SELECT customer_id FROM told)
    GROUP BY t.customer_id
), everybody AS (
    SELECT 'told' AS what, * FROM told UNION ALL SELECT 'held_out', * FROM held_out
), counted AS (
    SELECT e.what, (
        SELECT count(*) FROM timeline AS o
        WHERE o.customer_id = e.customer_id AND o.kind = 'order' AND o.id LIKE 'tp\\_%'
          AND o.at >= e.since AND o.at < e.since + make_interval(days => :days)
    ) AS orders FROM everybody AS e
)
SELECT what, count(*) AS customers, count(*) FILTER (WHERE orders > 0) AS ordered, coalesce(sum(orders), 0) AS orders
FROM counted GROUP BY what
""")
_CODES: Final = text("""
SELECT count(*) AS given, count(redeemed_at) AS redeemed FROM offer_codes WHERE rule_id = :rule_id AND made_at >= :since
""")


def of_rule(connection: Connection, rule_id: str, *, since: datetime, days: int) -> Lift:
    """Count the groups of ``rule_id`` since ``since``, and their orders within ``days`` days."""
    rows = connection.execute(_GROUPS, {"rule_id": rule_id, "since": since, "days": days})
    groups = {row.what: Group(row.customers, row.ordered, int(row.orders)) for row in rows}
    codes = connection.execute(_CODES, {"rule_id": rule_id, "since": since}).one()
    nobody = Group(0, 0, 0)
    return Lift(groups.get("told", nobody), groups.get("held_out", nobody), codes.given, codes.redeemed)
