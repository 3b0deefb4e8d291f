"""The acknowledgement queue, against a model that keeps everything."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.ingress.acks import AckQueue


class AckModel(RuleBasedStateMachine):
    """Pushes, settles in any order of ranges, loses connections; what may be acknowledged is told by plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = AckQueue()
        self.arrived: list[int] = []  # ids of this connection, by arrival
        self.acknowledged: list[int] = []  # ids given out on this connection
        self.first = 0  # ticket of the connection's first id
        self.open: list[tuple[int, int]] = []  # ranges taken and not settled
        self.taken = 0
        self.settled: set[int] = set()
        self.next_mid = 1

    @rule(number=st.integers(1, 5))
    def push(self, number: int) -> None:
        for _ in range(number):
            assert self.queue.push(self.next_mid)
            self.arrived.append(self.next_mid)
            self.next_mid += 1

    @precondition(lambda self: len(self.arrived) > len(self.acknowledged))
    @rule(data=st.data())
    def an_id_that_waits_is_not_taken_twice(self, data: st.DataObject) -> None:
        waiting = data.draw(st.sampled_from(self.arrived[len(self.acknowledged) :]))
        assert not self.queue.push(waiting)

    @precondition(lambda self: self.queue.end > self.taken)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        upto = data.draw(st.integers(self.taken + 1, self.queue.end))
        self.open.append((self.taken, upto))
        self.taken = upto

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        start, end = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.acknowledged += self.queue.settle(start, end)
        self.settled |= set(range(start, end))

    @rule()
    def lose_the_connection(self) -> None:
        self.queue.forget()
        self.first += len(self.arrived)
        self.arrived, self.acknowledged, self.next_mid = [], [], 1

    @invariant()
    def exactly_the_settled_prefix_of_this_connection_is_acknowledged_in_order(self) -> None:
        prefix = 0
        while prefix < len(self.arrived) and self.first + prefix in self.settled:
            prefix += 1
        assert self.acknowledged == self.arrived[:prefix]


TestAckQueue = AckModel.TestCase


def test_an_id_may_be_used_again_after_its_acknowledgement() -> None:
    queue = AckQueue()
    assert queue.push(7)
    assert queue.settle(0, 1) == [7]
    assert queue.push(7)
