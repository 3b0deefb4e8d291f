"""The command line answers quickly because it imports little; a clock would only measure the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "nicegui",
    "fastapi",
    "firebase_admin",
    "twilio",
    "sqlalchemy",
    "psycopg",
    "nats",
    "aiohttp",
    "shapely",
    "numpy",
    "pyarrow",
}
PROGRAM = """
import sys
from gateway.cli import app
try:
    app(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""
RULE = """
rules: [{id: r, when: {metric: t, above: 8}, then: {notify: {template: alert}}}]
tests: [{name: n, given: [], expect: []}]
"""


@pytest.mark.parametrize(
    "arguments",
    [["-h"], ["demo", "-h"], ["serve", "-h"], ["rules", "check", "rules.yaml"], ["rules", "test", "rules.yaml"]],
)
def test_no_heavy_library_is_imported(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULE)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not HEAVY & set(done.stderr.split())
