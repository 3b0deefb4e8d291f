from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifiers.slow_hosts import PAUSE_S, REMEMBERED, SLOW_S, WAITS, SlowHosts


def waited(hosts: SlowHosts, host: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        hosts.note(host, answered=False, took_s=SLOW_S, now=now)


def test_a_host_that_keeps_us_waiting_is_left_alone_and_then_one_looks() -> None:
    hosts = SlowHosts()
    waited(hosts, "a", WAITS - 1)
    assert hosts.seconds_left("a", 0) == 0
    waited(hosts, "a", 1)
    assert hosts.seconds_left("a", 1) == PAUSE_S - 1
    assert hosts.seconds_left("b", 1) == 0
    assert hosts.seconds_left("a", PAUSE_S) == 0
    assert hosts.seconds_left("a", PAUSE_S) == PAUSE_S


def test_an_answer_forgives_everything() -> None:
    hosts = SlowHosts()
    waited(hosts, "a", WAITS)
    hosts.note("a", answered=True, took_s=9, now=PAUSE_S)
    assert hosts.seconds_left("a", PAUSE_S) == 0
    waited(hosts, "a", WAITS - 1)
    assert hosts.seconds_left("a", PAUSE_S) == 0


def test_what_fails_at_once_holds_nobody_up() -> None:
    hosts = SlowHosts()
    for _ in range(100):
        hosts.note("a", answered=False, took_s=SLOW_S / 2, now=0)
    assert hosts.seconds_left("a", 0) == 0


def test_only_so_many_hosts_are_remembered() -> None:
    hosts = SlowHosts()
    waited(hosts, "first", WAITS)
    for number in range(REMEMBERED):
        waited(hosts, f"host-{number}", 1)
    assert hosts.seconds_left("first", 0) == 0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=30), st.floats(0, 1e6))
def test_nobody_waits_longer_than_a_pause(sends: list[tuple[bool, float]], now: float) -> None:
    hosts = SlowHosts()
    for answered, took_s in sends:
        hosts.note("a", answered=answered, took_s=took_s, now=now)
    assert 0 <= hosts.seconds_left("a", now) <= PAUSE_S
