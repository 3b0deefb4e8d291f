"""Ports for servers that tests start: nobody else takes them between the looking and the listening."""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST = 10_000
_EACH = 1_000
"""Each process of a parallel run has its own range. All lie below those from which the system takes the ports of
outgoing connections, and below those that the product itself chooses from."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_numbers = count()


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no other test process will choose."""
    for _ in range(_EACH):
        port = _FIRST + _EACH * _worker + (os.getpid() + next(_numbers)) % _EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen(1)
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {_FIRST + _EACH * _worker} and {_FIRST + _EACH * (_worker + 1)}")
