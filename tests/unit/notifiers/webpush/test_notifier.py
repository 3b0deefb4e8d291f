from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from notifiers.outcome import Accepted, CannotTell, Outgoing, Refused, Retry
from notifiers.sandbox.server import Options, Sandbox, running
from notifiers.sandbox.webpush import subscription_of
from notifiers.webpush import vapid
from notifiers.webpush.config import WebPushConfig
from notifiers.webpush.notifier import WebPushNotifier

KEY = vapid.new_key()
CONFIG = WebPushConfig(private_key=KEY, subject="mailto:care@example.com", allow_loopback=True, deadline_s=2)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Options(webpush_key=vapid.public_of(vapid.key_of(KEY)))) as started:
        yield started


@pytest.fixture
def opened() -> Iterator[Any]:
    """Builds notifiers, and closes them at the end."""
    built: list[WebPushNotifier] = []

    def build_one(**changes: Any) -> WebPushNotifier:
        built.append(WebPushNotifier(msgspec.structs.replace(CONFIG, **changes)))
        return built[-1]

    yield build_one
    for each in built:
        each.close()


def address(base: str, name: str) -> str:
    return msgspec.json.encode(subscription_of(base, name)).decode()


def message(to: str, **changes: Any) -> Outgoing:
    made = Outgoing("m1", to, "Title", "本文", ttl_s=600, data={"purpose": "maintenance"})
    return msgspec.structs.replace(made, **changes)


def base_of(sandbox: Sandbox) -> str:
    return f"http://127.0.0.1:{sandbox.http_port}"


def test_the_browser_reads_what_was_said_and_the_push_service_what_it_needs(opened: Any, sandbox: Sandbox) -> None:
    to = address(base_of(sandbox), "silent-reads")
    assert opened().send(message(to)) == Accepted("m1")
    [received] = sandbox.record.messages("webpush", f"{base_of(sandbox)}/webpush/silent-reads")
    assert (received.title, received.text) == ("Title", "本文")
    assert received.detail["headers"]["TTL"] == "600"
    assert received.detail["headers"]["Urgency"] == "high"
    assert len(received.detail["headers"]["Topic"]) == 22


def test_a_repeat_takes_the_place_of_the_first(opened: Any, sandbox: Sandbox) -> None:
    to = address(base_of(sandbox), "silent-repeats")
    for text in ("first", "second"):
        assert isinstance(opened().send(message(to, text=text)), Accepted)
    [received] = sandbox.record.messages("webpush", f"{base_of(sandbox)}/webpush/silent-repeats")
    assert received.text == "second"


@pytest.mark.parametrize(
    ("name", "dropped"), [("-gone", True), ("-expired", True), ("-large", False), ("-mismatch", False)]
)
def test_what_push_services_refuse(opened: Any, sandbox: Sandbox, name: str, dropped: bool) -> None:
    outcome = opened().send(message(address(base_of(sandbox), f"browser{name}")))
    assert isinstance(outcome, Refused)
    assert outcome.drop_address is dropped


def test_another_key_than_browsers_subscribed_to_is_refused_and_drops_nobody(opened: Any, sandbox: Sandbox) -> None:
    outcome = opened(private_key=vapid.new_key()).send(message(address(base_of(sandbox), "silent")))
    assert outcome == Refused(
        "webpush HTTP 403: the subscription was made for another key than webpush.private_key", alarm=True
    )


def test_a_token_out_of_its_time_is_the_operators_affair(
    opened: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.webpush.vapid.VALID_S", -vapid.RENEWED_S)
    outcome = opened().send(message(address(base_of(sandbox), "silent")))
    assert isinstance(outcome, Retry)
    assert outcome.alarm


def test_a_push_service_is_called_by_https_and_on_the_public_internet_only(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("notifiers.attempt.DeadlineSocket.connect", connect, raising=False)
    strict = opened(allow_loopback=False)
    plain = strict.send(message(address("http://push.example.com", "x")))
    assert plain == Refused("webpush: the endpoint must begin with https://", drop_address=True)
    for host in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "2130706433"):
        outcome = strict.send(message(address(f"https://{host}", "x")))
        assert outcome == Refused("webpush: the address leads to a machine that is not on the public internet")


def test_a_token_is_signed_once_an_hour_for_each_push_service(
    opened: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []
    really = vapid.authorization

    def counted(key: Any, origin: str, subject: str, now_s: int) -> str:
        signed.append(origin)
        return really(key, origin, subject, now_s)

    monkeypatch.setattr("notifiers.webpush.vapid.authorization", counted)
    notifier = opened()
    for name in ("silent-a", "silent-b"):
        assert isinstance(notifier.send(message(address(base_of(sandbox), name))), Accepted)
    assert len(signed) <= 2  # two where the hour ended between them
    assert set(signed) == {base_of(sandbox)}


def test_nobody_can_be_asked(opened: Any) -> None:
    assert opened().settle(message("x"), 0) == CannotTell()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"private_key": "secret"}, r"webpush\.private_key must be a private key"),
        ({"subject": "care@example.com"}, r"webpush\.subject must be how"),
        ({"deadline_s": 0}, r"webpush\.deadline_s must be more than 0"),
    ],
)
def test_settings_that_cannot_work_are_named_with_their_mend(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        WebPushConfig(**{**msgspec.structs.asdict(CONFIG), **changes})


def test_a_push_service_that_says_nothing_is_left_alone_for_a_while(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.slow_hosts.SLOW_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        notifier = opened(deadline_s=0.2)
        to = address(f"http://127.0.0.1:{mute.getsockname()[1]}", "x")
        for _ in range(3):
            notifier.send(message(to))
        outcome = notifier.send(message(to))
    assert isinstance(outcome, Retry)
    assert "left alone" in outcome.reason
