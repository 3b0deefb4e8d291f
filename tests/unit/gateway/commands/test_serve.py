"""One role on its own, where it can't start: a line that says why, exit 1, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

NOBODY = {"KIZASHI_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none", "KIZASHI_LOG__URL": "nats://127.0.0.1:1"}


def serve(role: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "serve", "--role", role],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        bind = f"127.0.0.1:{holder.getsockname()[1]}"
        done = serve("api", tmp_path, **NOBODY, KIZASHI_HTTP__BIND=bind)
    assert done.returncode == 1
    assert bind in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_that_is_nowhere_is_one_line(tmp_path: Path) -> None:
    done = serve("worker", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "kizashi serve" in done.stderr
