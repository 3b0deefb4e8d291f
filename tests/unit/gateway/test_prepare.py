"""What is looked at before the roles run."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from gateway.prepare import prepare_database
from gateway.settings import Settings
from gateway.storage.database import connect


def test_faults_in_templates_are_told_at_the_start_and_are_no_obstacle(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sms.en.j2").write_text("hello\n{{ device.nmae }}")
    engine = connect(database_url)
    with capture_logs() as logs:
        prepare_database(engine, Settings.model_validate({"templates": {"dir": tmp_path}}))
    engine.dispose()
    (said,) = [each["problem"] for each in logs if each["event"] == "template.problem"]
    assert said.endswith("own/sms.en.j2:2: 'device' has no 'nmae', did you mean 'name'? (it has id, model, name)")
