"""How much a lane asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.delivery.lane import Lane
from notifiers.outcome import CannotTell, Outcome, Outgoing, Settlement

WIDTH = 3


class Provider:
    """Never asked to send here."""

    channel = "sms"
    provider = "twilio"

    def send(self, message: Outgoing) -> Outcome:
        raise AssertionError

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane(Provider(), WIDTH, lambda: None)
    yield made
    made.close()


def test_a_lane_whose_rate_is_used_up_asks_for_nothing_and_says_until_when(lane: Lane) -> None:
    assert (lane.free(), lane.seconds_to_next()) == (WIDTH, None)
    lane.hold(600.0)
    assert lane.free() == 0
    assert 590.0 < (lane.seconds_to_next() or 0) <= 600.0


def test_one_whose_rate_lets_more_go_is_not_held(lane: Lane) -> None:
    lane.hold(0.0)
    assert (lane.free(), lane.seconds_to_next()) == (WIDTH, None)


def test_a_token_that_comes_at_once_is_waited_for_with_the_next_ones(lane: Lane) -> None:
    lane.hold(1e-6)
    assert lane.free() == 0
