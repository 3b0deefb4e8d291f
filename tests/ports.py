"""Ports for servers that tests start: nobody else takes them between the looking and the listening."""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from itertools import count

_FIRST = 10_000
_EACH = 1_000
_RANGES = 20
"""Each process of a parallel run has its own range. All lie below those from which the system takes the ports of
outgoing connections, and below those that the product itself chooses from."""
_PROMISES = 200
"""So many of the latest ports are kept from other test processes, whether or not somebody listens there now."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _RANGES
_numbers = count()
_promised: deque[int] = deque()


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no other test process of this machine will choose."""
    for _ in range(_EACH):
        port = _FIRST + _EACH * _worker + (os.getpid() + next(_numbers)) % _EACH
        if _nobody_listens(port) and _promise(port):
            return port
    raise RuntimeError(f"no free port between {_FIRST + _EACH * _worker} and {_FIRST + _EACH * (_worker + 1)}")


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _promise(port: int) -> bool:
    """Keep ``port`` from other runs on this machine, which look through the same ranges.

    What is taken is a name in the kernel: it goes with this process, in whatever way that ends.
    """
    if sys.platform != "linux":
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as promise:
        try:
            promise.bind(f"\0kizashi-test-port-{port}")
        except OSError:
            return False
        _promised.append(promise.detach())
    if len(_promised) > _PROMISES:
        os.close(_promised.popleft())
    return True
