"""Every word of the rule language. To add one: write its file, its page and its test, and add its line here."""

from __future__ import annotations

from rules.condition import Operator
from rules.conditions import (
    above,
    absent_for,
    all_of,
    anomaly,
    any_of,
    below,
    between,
    changed,
    count,
    customer,
    device,
    during,
    equals,
    event,
    every,
    firing,
    forecast,
    group,
    matches,
    not_of,
    operating_hours,
    rate,
    sequence,
    store,
    sustained,
    window,
    zone,
)

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        above.OPERATOR,
        below.OPERATOR,
        between.OPERATOR,
        equals.OPERATOR,
        matches.OPERATOR,
        changed.OPERATOR,
        event.OPERATOR,
        rate.OPERATOR,
        window.OPERATOR,
        forecast.OPERATOR,
        anomaly.OPERATOR,
        every.OPERATOR,
        operating_hours.OPERATOR,
        absent_for.OPERATOR,
        zone.OPERATOR,
        during.OPERATOR,
        device.OPERATOR,
        customer.OPERATOR,
        store.OPERATOR,
        group.OPERATOR,
        firing.OPERATOR,
        all_of.OPERATOR,
        any_of.OPERATOR,
        not_of.OPERATOR,
        sequence.OPERATOR,
        sustained.OPERATOR,
        count.OPERATOR,
    )
}
