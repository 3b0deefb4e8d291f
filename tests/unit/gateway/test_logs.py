"""Where logs go."""

from __future__ import annotations

import subprocess
import sys

SPEAKS = """
import sys, structlog
from gateway import cli

@cli.app.command("speak")
def speak() -> None:
    structlog.get_logger().warning("something.happened")
    structlog.get_logger().info("all.is.well")
    print("what was asked for")

sys.argv[1:] = ["speak"]
cli.main()
"""


def test_what_a_command_logs_does_not_stand_in_what_it_prints() -> None:
    done = subprocess.run([sys.executable, "-c", SPEAKS], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "what was asked for\n"
    assert "something.happened" in done.stderr
    assert "all.is.well" not in done.stderr
