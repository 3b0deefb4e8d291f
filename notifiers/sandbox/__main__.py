"""``python -m notifiers.sandbox``: run the stand-ins until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import sys
from pathlib import Path

from notifiers.sandbox.server import Options, Sandbox


def main() -> int:
    """Run; exit code 0 when interrupted, 1 when a port or file cannot be had, 2 for wrong usage."""
    try:
        asyncio.run(_run(_options()))
    except OSError as error:
        sys.stderr.write(f"sandbox: {error.strerror or error}\n")
        return 1
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m notifiers.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--smtp-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--requests-file", type=Path, help="append every provider request to this JSON lines file")
    parser.add_argument("--twilio-auth-token", default="sandbox", help="secret of the Twilio stand-in")
    parser.add_argument("--twilio-account-sid", help="refuse other accounts")
    parser.add_argument("--webhook-secret", help="refuse webhook calls that this secret (whsec_…) did not sign")
    parser.add_argument("--webpush-key", help="refuse web pushes of another applicationServerKey than this")
    parser.add_argument(
        "--callback-base", help="send callbacks to this scheme, host and port, such as http://127.0.0.1:8080"
    )
    parser.add_argument("--inbound-url", help="webhook for replies; default /hooks/twilio/inbound where callbacks go")
    parser.add_argument(
        "--bounce-command",
        type=lambda words: tuple(shlex.split(words)),
        default=(),
        help='pipe bounces and complaints into this program, such as "kizashi bounces read"',
    )
    parser.add_argument("--brand", default="Kizashi", help="what the app on the phone is called")
    return Options(**vars(parser.parse_args()))


async def _run(options: Options) -> None:
    sandbox = Sandbox(options)
    await sandbox.start()
    ready = {
        "http_port": sandbox.http_port,
        "smtp_port": sandbox.smtp_port,
        "url": f"http://{options.host}:{sandbox.http_port}",
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await sandbox.stop()


if __name__ == "__main__":
    sys.exit(main())
