from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from notifiers.outcome import Accepted, Outgoing, Refused, Retry
from notifiers.push.config import PushConfig
from notifiers.push.notifier import PushNotifier
from notifiers.sandbox.server import Options, Sandbox, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Options()) as started:
        yield started


@pytest.fixture
def notifier(sandbox: Sandbox) -> Iterator[PushNotifier]:
    built = PushNotifier(PushConfig(project_id="demo", base_url=f"http://127.0.0.1:{sandbox.http_port}", deadline_s=2))
    yield built
    built.close()
    built.close()  # twice does no harm


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("t-gone", Refused("fcm UNREGISTERED", drop_address=True)),
        ("t-mismatch", Refused("fcm SENDER_ID_MISMATCH", drop_address=True)),
        ("t-invalid", Refused("fcm INVALID_ARGUMENT", drop_address=True)),
        ("t-auth", Retry("fcm THIRD_PARTY_AUTH_ERROR", alarm=True)),
        ("t-quota", Retry("fcm QUOTA_EXCEEDED", after_s=60.0)),
    ],
)
def test_the_sdk_and_the_table_agree_on_the_wire(
    notifier: PushNotifier, sandbox: Sandbox, token: str, expected: object
) -> None:
    assert notifier.send(Outgoing(f"msg_{token}", token, "Title", "Text")) == expected
    assert len(sandbox.record.requests(message_id=f"msg_{token}")) == 1


def test_two_notifiers_with_other_endpoints_do_not_disturb_each_other(notifier: PushNotifier) -> None:
    other = PushNotifier(PushConfig(project_id="other", base_url="http://127.0.0.1:9", deadline_s=1))
    assert isinstance(notifier.send(Outgoing("a", "token-silent", "Title", "Text")), Accepted)
    assert isinstance(other.send(Outgoing("b", "token-silent", "Title", "Text")), Retry)
    assert isinstance(notifier.send(Outgoing("c", "token-silent", "Title", "Text")), Accepted)
    other.close()


def test_a_token_server_that_cannot_be_reached_keeps_the_message_and_sends_nothing(tmp_path: Path) -> None:
    notifier = PushNotifier(
        PushConfig(project_id="demo", credentials_file=str(service_account(tmp_path)), deadline_s=1)
    )
    outcome = notifier.send(Outgoing("m", "token", "Title", "Text"))
    notifier.close()
    assert outcome == Retry("fcm credentials: TransportError")


def service_account(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = folder / "account.json"
    account = {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "kizashi@demo.invalid",
        "token_uri": "http://127.0.0.1:9/token",
    }
    file.write_text(json.dumps(account))
    return file


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"project_id": ""}, "fcm.project_id"),
        ({"project_id": "p", "base_url": "localhost:9"}, "fcm.base_url"),
        ({"project_id": "p", "deadline_s": 0}, "fcm.deadline_s"),
    ],
)
def test_a_configuration_that_cannot_work_names_the_setting(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PushConfig(**changes)  # type: ignore[arg-type]
