"""The ports that tests get for their servers."""

from __future__ import annotations

import subprocess
import sys

from tests.ports import free_port

# Ports are looked for from the process's id on, so this one looks where we did.
ANOTHER_RUN = """
import os
os.getpid = lambda: {first}
from tests.ports import free_port
print(free_port())
"""


def test_a_port_that_one_run_has_chosen_is_chosen_by_no_other_before_somebody_listens() -> None:
    ours = free_port()
    program = ANOTHER_RUN.format(first=ours)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) != ours


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
