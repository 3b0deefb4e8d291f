"""A proxy that the environment names leads to the outside; what listens on this machine is asked directly."""

from __future__ import annotations

import os
import urllib.request

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NAMES = ("no_proxy", "NO_PROXY")
"""Both are in use; where both are set, the first is heard."""


def spare_loopback() -> None:
    """Except this machine from the proxy, where there is one, for this process and those that it starts.

    Its parts talk to each other by HTTP, and in the sandbox the providers are on this machine too. Who sets a proxy
    for the outside does not think of that, and the proxy's own loopback is another one.
    """
    if not set(urllib.request.getproxies()) - {"no"}:
        return
    said = next((os.environ[name] for name in _NAMES if os.environ.get(name)), "")
    hosts = [host for host in (each.strip() for each in said.split(",")) if host]
    if "*" in hosts:
        return
    spared = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])
    for name in _NAMES:
        os.environ[name] = spared
