"""Which provider of a channel is given new messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.delivery.breaker import FAILURES
from gateway.delivery.lane import Lane
from gateway.delivery.route import Route
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Retry, Settlement

WIDTH = 4


class Provider:
    """Never asked to send here."""

    channel = "sms"

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def send(self, message: Outgoing) -> Outcome:
        raise AssertionError

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


@pytest.fixture
def route() -> Iterator[Route]:
    made = Route([Lane(Provider(name), WIDTH, lambda: None) for name in ("twilio", "twilio_2")])
    yield made
    for lane in made.lanes:
        lane.close()


def shares(route: Route) -> dict[str, int]:
    return {lane.notifier.provider: places for lane, places in route.shares()}


def in_trouble(lane: Lane) -> None:
    for _ in range(FAILURES):
        lane.note(Retry("500"))


def test_the_first_provider_takes_all_while_it_is_well(route: Route) -> None:
    assert shares(route) == {"twilio": WIDTH}


def test_the_second_takes_over_while_the_first_is_left_alone(route: Route) -> None:
    in_trouble(route.lanes[0])
    assert shares(route) == {"twilio": 0, "twilio_2": WIDTH}


def test_the_first_takes_all_again_once_it_has_taken_one(route: Route) -> None:
    in_trouble(route.lanes[0])
    route.lanes[0].note(Accepted("SM1"))
    assert shares(route) == {"twilio": WIDTH}


def test_with_both_in_trouble_nothing_is_sent(route: Route) -> None:
    for lane in route.lanes:
        in_trouble(lane)
    assert shares(route) == {"twilio": 0, "twilio_2": 0}


def test_a_message_is_asked_about_where_it_was_sent_and_nowhere_else(route: Route) -> None:
    assert route.of("twilio_2") is route.lanes[1]
    assert route.of(None) is route.lanes[0]
    assert route.of("another") is None
