"""The ingress role as a process, for tests that kill it: MQTT URL, log URL, partitions, port of the probes."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from gateway.ingress.broker import Broker
from gateway.ingress.run import IngressSettings, run


async def main(mqtt_url: str, log_url: str, partitions: str, probes_port: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = IngressSettings(
        broker=Broker(url=mqtt_url), log_url=log_url, partitions=int(partitions), probes_port=int(probes_port)
    )
    await run(settings, stop)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
