"""What a connection is given, it uses; the wire itself is tested against a real broker."""

from __future__ import annotations

from random import Random

from firmware_sim.wire.broker import Broker, Login
from firmware_sim.wire.connection import Connection
from firmware_sim.wire.outbox import Message, Outbox


async def test_an_outbox_that_is_still_empty_is_used_all_the_same() -> None:
    outbox = Outbox(limit=2)
    connection = Connection("c", Broker("127.0.0.1", 1), Login(), Random(1), outbox=outbox)
    for number in range(3):
        connection.say(Message("t", str(number).encode()))
    assert [message.payload for message in outbox.waiting] == [b"1", b"2"]
    assert outbox.dropped == 1
