"""Groups and alerts that speak for a store, over partitions that crash and lag, against a plain model of what holds.

The model applies every event to every device at once, in the order in which they happened. The engine has a partition
for each third of the devices and groups; which of them comes forward next is drawn, as are crashes to an earlier
checkpoint, after which all that was derived since is derived, and appended, again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.event import DeviceChanged, DeviceFacts, Event, MemberChanged, RulesChanged, Telemetry
from devices.partition import partition_of
from rules.alert import FIRING
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Derivation, Position
from rules.engine import step
from rules.group import Group
from rules.state import PartitionState
from tests.unit.rules.story import START

PARTITIONS = 3
DEVICES = ("a", "b", "c", "d")
STORES = ("ginza", "ueno")
VERSIONS = ((2, 5), (2, 7), (1, 5), (3, 5))
"""(at_least, the limit): what the rule says, one version after the other."""


def rules_of(version: int) -> str:
    """A rule about groups; a rule about devices, which in every second version speaks for its store."""
    at_least, limit = VERSIONS[version]
    named = "inhibited_by: [{rule: down, same: store}]" if version % 2 == 0 else ""
    return f"""
rules:
  - id: shop
    when: {{group: {{by: store, at_least: {at_least}, where: {{metric: t, above: {limit}}}}}}}
  - {{id: down, when: {{metric: t, above: 6}}}}
  - {{id: other, when: {{metric: u, above: 6}}, {named}}}
"""


@dataclass
class Watch:
    """One limit on one device, as the semantics page tells it: true at first sight is pending."""

    limit: int
    seen: bool = False
    holds: bool = False
    newest: int | None = None

    def hear(self, value: int) -> None:
        self.newest = value
        if value <= self.limit:
            self.holds = False
        elif self.seen:
            self.holds = True
        self.seen = True

    def change(self, limit: int) -> None:
        """Another version: what held goes on until that says false; the rest starts from the newest sample."""
        self.limit = limit
        self.seen = self.newest is not None
        self.holds = self.holds and self.newest is not None and self.newest > limit


@dataclass
class Model:
    """What holds on which device, and where it stands."""

    versions: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    """Which rules each partition has, and which are on their way there."""
    coming: list[list[tuple[int, int]]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    stores: dict[str, str | None] = field(default_factory=dict)
    members: dict[str, Watch] = field(default_factory=lambda: {d: Watch(VERSIONS[0][1]) for d in DEVICES})
    down: dict[str, Watch] = field(default_factory=lambda: {d: Watch(6) for d in DEVICES})

    def holding(self, store: str) -> set[str]:
        return {d for d in DEVICES if self.members[d].holds and self.stores.get(d) == store}

    def speaks(self, store: str) -> bool:
        return self.versions[0] % 2 == 0 and any(self.down[d].holds and self.stores.get(d) == store for d in DEVICES)


class Partition:
    """A fold as a worker runs it, with its log and its last checkpoint."""

    def __init__(self) -> None:
        self.log: list[tuple[int, Event]] = []
        self.done = 0
        self.state = PartitionState.empty()
        self.parts: dict[str, bytes] = {}
        self.saved: tuple[int, bytes] = (0, encode_shared(self.state))

    def save(self) -> None:
        for subject in self.state.take_dirty():
            self.parts[subject] = encode_subject(self.state, subject)
        shared = encode_shared(self.state) if self.state.take_shared_dirty() else self.saved[1]
        self.saved = (self.done, shared)

    def crash(self) -> None:
        self.done, shared = self.saved
        self.state = restore_shared(shared)
        for subject in sorted(self.parts):
            restore_subject(self.state, subject, self.parts[subject])


class Cluster:
    """All partitions. Log positions grow over all of them, as in one stream."""

    def __init__(self) -> None:
        self.partitions = [Partition() for _ in range(PARTITIONS)]
        self.seq = 0
        self.decisions: dict[str, Decision] = {}

    def append(self, event: Event, key: str | None) -> None:
        for number in range(PARTITIONS):
            if key is None or number == partition_of(key, PARTITIONS):
                self.append_to(number, event)

    def append_to(self, number: int, event: Event) -> None:
        self.seq += 1
        self.partitions[number].log.append((self.seq, event))

    def run(self, number: int, count: int | None = None) -> None:
        partition = self.partitions[number]
        end = len(partition.log) if count is None else partition.done + count
        for seq, event in partition.log[partition.done : end]:
            partition.done += 1
            for outcome in step(partition.state, event, Position(seq, 0)):
                if isinstance(outcome, Derivation):
                    self.append(outcome.event, outcome.key)
                else:
                    assert isinstance(outcome, Decision)
                    self.decisions[outcome.id] = outcome

    def run_all(self) -> None:
        while any(partition.done < len(partition.log) for partition in self.partitions):
            for number in range(PARTITIONS):
                self.run(number)

    def group(self, store: str) -> Group | None:
        name = f"store/{store}"
        found = self.partitions[partition_of(name, PARTITIONS)].state.subjects.get(name)
        assert found is None or isinstance(found, Group)
        return found


devices = st.sampled_from(DEVICES)
numbers = st.integers(0, PARTITIONS - 1)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("say"), devices, st.integers(4, 9)),
        st.tuples(st.just("say twice"), devices, st.integers(4, 9)),
        st.tuples(st.just("move"), devices, st.sampled_from([*STORES, None])),
        st.tuples(st.just("rules"), st.integers(0, len(VERSIONS) - 1)),
        st.tuples(st.just("spread"), numbers),
        st.tuples(st.just("run"), numbers, st.integers(1, 12)),
        st.tuples(st.just("run"), numbers, st.integers(1, 12)),
        st.tuples(st.just("save"), numbers),
        st.tuples(st.just("crash"), numbers),
    ),
    max_size=50,
)


def happen(action: tuple, at: int, cluster: Cluster, model: Model) -> None:  # type: ignore[type-arg]
    match action:
        case ("say" | "say twice" as how, device, value):
            for _ in range(2 if how == "say twice" else 1):
                cluster.append(Telemetry(device, at, at, {"t": value}), device)
            model.members[device].hear(value)
            model.down[device].hear(value)
        case ("move", device, store):
            cluster.append(DeviceChanged(at, DeviceFacts(device, store=store)), device)
            model.stores[device] = store
        case ("rules", version):
            for number in range(PARTITIONS):
                model.coming[number].append((at, version))
        case ("spread", number):
            arrive(number, cluster, model)
        case ("run", number, count):
            cluster.run(number, count)
        case ("save", number):
            cluster.partitions[number].save()
        case ("crash", number):
            cluster.partitions[number].crash()


def arrive(number: int, cluster: Cluster, model: Model) -> None:
    """The next rules on their way come to one partition: the log takes them for one after the other."""
    if not model.coming[number]:
        return
    at, version = model.coming[number].pop(0)
    event = RulesChanged(at, f"v{version}", {"rules.yaml": rules_of(version)})
    cluster.append_to(number, event)
    if version != model.versions[number]:
        for device, watch in model.members.items():
            if partition_of(device, PARTITIONS) == number:
                watch.change(VERSIONS[version][1])
    model.versions[number] = version


def arrive_everywhere(cluster: Cluster, model: Model) -> None:
    for number in range(PARTITIONS):
        while model.coming[number]:
            arrive(number, cluster, model)


def begin() -> tuple[Cluster, Model]:
    cluster, model = Cluster(), Model()
    happen(("rules", 0), START, cluster, model)
    arrive_everywhere(cluster, model)
    for device in DEVICES:
        happen(("move", device, "ginza"), START, cluster, model)
    return cluster, model


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_counts_and_speaks_as_the_model_does_once_all_is_heard(happened: list[tuple]) -> None:  # type: ignore[type-arg]
    cluster, model = begin()
    for number, action in enumerate(happened):
        happen(action, START + 1000 * (number + 1), cluster, model)
    arrive_everywhere(cluster, model)
    cluster.run_all()
    at_least = VERSIONS[model.versions[0]][0]
    for store in STORES:
        group = cluster.group(store)
        holding = set() if group is None else set(group.holding("shop", 0))
        assert holding == model.holding(store)
        fires = group is not None and any(slot is not None and slot.phase == FIRING for slot in group.slots)
        assert fires == (len(holding) >= at_least)
        for partition in cluster.partitions:
            assert partition.state.world.bulletin.fires("down", store) == model.speaks(store)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_a_crash_decides_nothing_anew_and_forgets_nothing(happened: list[tuple]) -> None:  # type: ignore[type-arg]
    """Where everything is heard at once, crashes and saves in between change no decision."""
    calm, model = begin()
    wild, other = begin()
    for number, action in enumerate(happened):
        at = START + 1000 * (number + 1)
        if action[0] not in ("run", "save", "crash", "spread"):
            happen(action, at, calm, model)
        happen(action, at, wild, other)
        for cluster, known in ((calm, model), (wild, other)):
            arrive_everywhere(cluster, known)
            cluster.run_all()

    def told(cluster: Cluster) -> set[tuple[str, str, str, int]]:
        made = cluster.decisions.values()
        return {(d.rule_id, d.subject, d.transition, d.at) for d in made}

    assert told(wild) == told(calm)


@given(st.permutations(range(7)), st.lists(st.integers(0, 6), max_size=8))
def test_the_words_of_a_member_may_come_in_any_order_and_several_times(order: list[int], again: list[int]) -> None:
    cluster, model = begin()
    words: list[Event] = []
    for number in range(12):
        event = Telemetry("a", START + 1000 * (number + 1), START, {"t": 9 if number % 3 else 4})
        before = len(cluster.partitions[partition_of("store/ginza", PARTITIONS)].log)
        cluster.append(event, "a")
        model.members["a"].hear(event.values["t"])
        for place in range(PARTITIONS):
            cluster.run(place)
        words += [said for _, said in cluster.partitions[partition_of("store/ginza", PARTITIONS)].log[before:]]
    words = [word for word in words if isinstance(word, MemberChanged)]
    assert len(words) == 7
    shuffled = begin()[0]
    shuffled.run_all()
    for place in [*order, *again]:
        shuffled.append(words[place], "store/ginza")
    shuffled.run_all()
    group = shuffled.group("ginza")
    assert group is not None
    assert set(group.holding("shop", 0)) == model.holding("ginza")
