"""Whatever is asked, whenever: never more than ``at_most`` contacts in any span of ``per``."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from notifiers.policy import Begun, Cap, ContactRequest, History, PolicySettings, plan
from notifiers.policy.stages.frequency_cap import caps_of
from tests.unit.notifiers.policy.asking import NOON, customer, request

MINUTE = 60_000
PURPOSES = ("offers", "maintenance")
CHANNELS = ("push", "email")
Question = tuple[int, str, Sequence[str]]
"""How long after the one before, purpose, channels."""
Sent = tuple[int, str, str]
"""When, purpose, channel."""

caps = st.lists(
    st.builds(
        Cap,
        st.integers(1, 4),
        st.integers(1, 60).map(lambda minutes: minutes * MINUTE),
        st.sampled_from([None, *PURPOSES]),
        st.sampled_from([None, *CHANNELS]),
    ),
    max_size=4,
).map(tuple)
questions = st.lists(
    st.tuples(st.integers(0, 30 * MINUTE), st.sampled_from(PURPOSES), st.permutations(CHANNELS)),
    max_size=40,
)


def history_of(sent: Sequence[Sent], caps: tuple[Cap, ...], purpose: str) -> History:
    """As the database would tell it: the newest, as many as fill the cap."""
    begun = [
        Begun(cap, tuple(sorted(counted(sent, cap), reverse=True)[: cap.at_most])) for cap in caps_of(caps, purpose)
    ]
    return History(begun=tuple(begun))


def counted(sent: Sequence[Sent], cap: Cap) -> list[int]:
    return [at for at, purpose, channel in sent if cap.purpose in (None, purpose) and cap.channel in (None, channel)]


def asked(purpose: str, channels: Sequence[str]) -> ContactRequest:
    return request(purpose=purpose, channels=tuple(channels), severity="major", expires_after_ms=10**12)


@given(caps, questions)
def test_no_span_holds_more_than_a_cap_allows(caps: tuple[Cap, ...], questions: list[Question]) -> None:
    settings = PolicySettings(caps=caps, quiet_hours={}, other_quiet_hours=None)
    now, sent = NOON, list[Sent]()
    for pause, purpose, channels in questions:
        now += pause
        made = plan(asked(purpose, channels), customer(), history_of(sent, caps, purpose), settings, now)
        if made.steps:
            sent.append((now, purpose, made.steps[0].channel))
    for cap in caps:
        times = counted(sent, cap)
        assert all(sum(end - cap.per_ms < at <= end for at in times) <= cap.at_most for end in times)


@given(caps, questions)
def test_nothing_is_refused_that_no_cap_forbids(caps: tuple[Cap, ...], questions: list[Question]) -> None:
    settings = PolicySettings(caps=caps, quiet_hours={}, other_quiet_hours=None)
    now, sent = NOON, list[Sent]()
    for pause, purpose, channels in questions:
        now += pause
        made = plan(asked(purpose, channels), customer(), history_of(sent, caps, purpose), settings, now)
        allowed = [channel for channel in channels if all(room(sent, cap, purpose, channel, now) for cap in caps)]
        assert [step.channel for step in made.steps] == allowed
        if allowed:
            sent.append((now, purpose, allowed[0]))


def room(sent: Sequence[Sent], cap: Cap, purpose: str, channel: str, now: int) -> bool:
    """By counting everything that ever was sent."""
    concerned = cap.purpose in (None, purpose) and cap.channel in (None, channel)
    return not concerned or sum(at > now - cap.per_ms for at in counted(sent, cap)) < cap.at_most


@given(caps, questions)
def test_vital_contacts_are_never_refused_for_a_cap(caps: tuple[Cap, ...], questions: list[Question]) -> None:
    sent = [(NOON, purpose, channels[0]) for _, purpose, channels in questions]
    vital = request(purpose="maintenance", severity="critical", channels=CHANNELS)
    made = plan(vital, customer(), history_of(sent, caps, "maintenance"), PolicySettings(caps=caps), NOON)
    assert [step.channel for step in made.steps] == list(CHANNELS)
