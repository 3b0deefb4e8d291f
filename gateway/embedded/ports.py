"""Loopback ports: choosing free ones, and reading ``host:port``."""

from __future__ import annotations

import random
import socket
from typing import NamedTuple

from gateway.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
_CHOICE = range(15_000, 30_000)
"""Below every system's ephemeral ports: nobody's outgoing connection takes our port while a server restarts."""
_TRIES = 200
_MAX_PORT = 65_535


class Bind(NamedTuple):
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_bind(text: str, setting: str) -> Bind:
    """Read ``host:port``, ``[v6]:port`` or ``:port``; port 0 means any free one.

    Raises:
        EmbeddedError: not of that form; the text names ``setting``.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _MAX_PORT:
        raise EmbeddedError(f'{setting} = "{text}" is no address to listen on; write it like "127.0.0.1:1883"')
    return Bind(host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port))


def why_not(bind: Bind) -> str | None:
    """What keeps a server from listening on ``bind`` now, in the system's words, or None when nothing does."""
    try:
        found = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a connection that lingers after a restart does not make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return None


def free_port(remembered: int | None, taken: set[int]) -> int:
    """A free loopback port: the ``remembered`` one where it is free, else another at random.

    Args:
        remembered: the port of the last start, or None.
        taken: ports that are promised already; the result is added.

    Raises:
        EmbeddedError: no free port was found.
    """
    choices = [remembered] if remembered else []
    choices += random.sample(_CHOICE, _TRIES)
    for port in choices:
        if port not in taken and why_not(Bind(LOOPBACK, port)) is None:
            taken.add(port)
            return port
    raise EmbeddedError(
        f"no free port on {LOOPBACK} between {_CHOICE.start} and {_CHOICE.stop - 1}; see what holds them with: ss -ltnp"
    )
