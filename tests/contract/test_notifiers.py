"""Every channel, one contract: the real SDKs against the providers' stand-ins, over the wire."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from notifiers import attempt
from notifiers import subscription as subscriptions
from notifiers.catalog import CATALOG
from notifiers.email.config import EmailConfig
from notifiers.email.smtp import Conversation
from notifiers.inbox.config import InboxConfig
from notifiers.outcome import Accepted, CannotTell, Notifier, NotSent, Outcome, Outgoing, Refused, Retry, Unknown
from notifiers.push import outcomes as push_codes
from notifiers.push.config import PushConfig
from notifiers.sandbox import webpush as browsers
from notifiers.sandbox.faults import Fault, Mode, Provider
from notifiers.sandbox.server import Options, Sandbox, running
from notifiers.sms import outcomes as sms_codes
from notifiers.sms.config import SmsConfig
from notifiers.sms.status import MEANINGS
from notifiers.webhook.config import WebhookConfig
from notifiers.webpush import outcomes as webpush_statuses
from notifiers.webpush import vapid
from notifiers.webpush.config import WebPushConfig

SECRET = "s3cret-of-the-account"
SIGNING_SECRET = "whsec_czNjcmV0LW9mLXRoZS1hY2NvdW50LTMyLWJ5dGVz"
VAPID_KEY = "c2VjcmV0LW9mLXRoZS1hY2NvdW50LTMyLWJ5dGVzLiE"
DEADLINE_S = 10.0
HURRIED_S = 0.6
"""For an answer that never comes. Whoever expects one gives ``DEADLINE_S``: how fast this machine is, is no matter."""
STAND_IN_LOGGERS = ("uvicorn", "mail.log", "httpx", "httpcore")
"""Those of the sandbox: on the provider's side of the wire."""

WIRED = tuple(channel for channel in CATALOG if channel != "inbox")
"""Those with somebody at the other end of a wire; the inbox is the gateway's own."""
THE_STATUS_IS_THE_ANSWER = ("webhook", "webpush")
"""Channels on which what else is said is not read."""
PROVIDER: dict[str, Provider] = {
    "push": "fcm",
    "sms": "twilio",
    "email": "smtp",
    "webhook": "webhook",
    "webpush": "webpush",
}
ADDRESS = {"push": "canary-token-silent", "sms": "+818055556666", "email": "canary-mailbox@example.com"}
"""Those of webhooks and browsers hold the port of who stands in for them: ``opened`` puts them here."""
REFUSED = {"push": "canary-token-gone", "sms": "+815005550001", "email": "gone-canary-mailbox@example.com"}


OPTIONS = Options(
    twilio_auth_token=SECRET,
    webhook_secret=SIGNING_SECRET,
    webpush_key=vapid.public_of(vapid.key_of(VAPID_KEY)),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(OPTIONS) as started:
        yield started


@pytest.fixture(params=WIRED)
def channel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notifier(channel: str, sandbox: Sandbox) -> Iterator[Notifier]:
    with opened(channel, sandbox.http_port, sandbox.smtp_port) as built:
        yield built
    sandbox.faults.set(Fault(PROVIDER[channel], "ok"))


@pytest.fixture
def hurried(channel: str, sandbox: Sandbox) -> Iterator[Notifier]:
    """For tests that wait for the deadline."""
    with in_a_hurry_once_sent(channel), opened(channel, sandbox.http_port, sandbox.smtp_port) as built:
        yield built
    sandbox.faults.set(Fault(PROVIDER[channel], "ok"))


@contextmanager
def in_a_hurry_once_sent(channel: str) -> Iterator[None]:
    """Give the provider ``HURRIED_S`` from the request's first byte on (of a mail: its content's).

    A deadline that begins before may pass on a busy machine before anything has left, and then nothing is unknown.
    """

    def hurry() -> None:
        now = attempt.current()
        assert now is not None
        now.hurry(HURRIED_S)

    note_departure, send_content = attempt._note_departure, Conversation.content

    def departed() -> None:
        note_departure()
        hurry()

    def content(self: Conversation, mail: bytes) -> None:
        hurry()
        send_content(self, mail)

    with pytest.MonkeyPatch.context() as patch:
        if channel == "email":
            patch.setattr(Conversation, "content", content)
        else:
            patch.setattr(attempt, "_note_departure", departed)
        yield


@contextmanager
def opened(channel: str, http_port: int, smtp_port: int, deadline_s: float = DEADLINE_S) -> Iterator[Notifier]:
    base = f"http://127.0.0.1:{http_port}"
    ADDRESS["webhook"] = f"{base}/webhook/canary-endpoint"
    REFUSED["webhook"] = f"{base}/webhook/canary-endpoint-gone"
    ADDRESS["webpush"] = subscription(base, "canary-browser-silent")
    REFUSED["webpush"] = subscription(base, "canary-browser-gone")
    configs: dict[str, PushConfig | SmsConfig | EmailConfig | WebhookConfig | WebPushConfig] = {
        "push": PushConfig(project_id="demo", base_url=base, deadline_s=deadline_s),
        "sms": SmsConfig(
            account_sid="AC1", auth_token=SECRET, from_="+818000000000", base_url=base, deadline_s=deadline_s
        ),
        "email": EmailConfig(
            host="127.0.0.1", port=smtp_port, starttls=False, from_="alerts@example.com", deadline_s=deadline_s
        ),
        "webhook": WebhookConfig(secret=SIGNING_SECRET, allow_http=True, allow_loopback=True, deadline_s=deadline_s),
        "webpush": WebPushConfig(
            private_key=VAPID_KEY, subject="mailto:care@example.com", allow_loopback=True, deadline_s=deadline_s
        ),
    }
    built = CATALOG[channel].build(configs[channel])
    try:
        yield built
    finally:
        close: Callable[[], None] = vars(type(built))["close"].__get__(built)
        close()


def subscription(base: str, name: str) -> str:
    """The address of a browser."""
    return msgspec.json.encode(browsers.subscription_of(base, name)).decode()


def known_as(channel: str) -> str:
    """The address as the provider's side writes it down."""
    return subscriptions.endpoint_in(ADDRESS[channel]) if channel == "webpush" else ADDRESS[channel]


def outgoing(channel: str, name: str, to: str | None = None) -> Outgoing:
    return Outgoing(
        message_id=f"msg_{channel}_{name}",
        to=to or ADDRESS[channel],
        title="Chiller too warm",
        text=f"9.1 °C for ten minutes ({name})",
        html="<p>9.1 °C</p>",
        ttl_s=600,
        status_callback=f"http://127.0.0.1:9/hooks/{channel}/msg_{channel}_{name}",
        unsubscribe_url="https://example.com/u/abc",
    )


def taken(sandbox: Sandbox, message: Outgoing) -> int:
    """How often the provider has the message, by its own log."""
    found = sandbox.record.requests(message_id=message.message_id)
    return sum(each.outcome == "accepted" for each in found)


def under(sandbox: Sandbox, channel: str, mode: Mode, seconds: float = 3.0) -> None:
    sandbox.faults.set(Fault(PROVIDER[channel], mode, seconds=seconds))


def test_the_catalog_names_the_channels_that_are_built(notifier: Notifier, channel: str) -> None:
    assert (notifier.channel, notifier.provider) == (channel, PROVIDER[channel])
    assert (CATALOG[channel].channel, CATALOG[channel].provider) == (channel, PROVIDER[channel])


def test_a_message_that_the_provider_takes_is_accepted(notifier: Notifier, channel: str, sandbox: Sandbox) -> None:
    message = outgoing(channel, "fine")
    outcome = notifier.send(message)
    assert isinstance(outcome, Accepted)
    assert outcome.provider_id
    assert taken(sandbox, message) == 1
    received = sandbox.record.messages(channel, known_as(channel))[0]
    assert received.text.strip() == message.text
    assert received.message_id == message.message_id


def test_a_throttled_message_waits_as_long_as_the_provider_asks(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    under(sandbox, channel, "429", 7)
    outcome = notifier.send(outgoing(channel, "throttled"))
    assert isinstance(outcome, Retry)
    assert outcome.after_s == (None if channel == "email" else 7.0)  # SMTP has no Retry-After
    assert taken(sandbox, outgoing(channel, "throttled")) == 0


def test_an_address_that_is_gone_is_refused_and_dropped(notifier: Notifier, channel: str) -> None:
    outcome = notifier.send(outgoing(channel, "refused", REFUSED[channel]))
    assert isinstance(outcome, Refused)
    assert outcome.drop_address


@pytest.mark.parametrize("address", ["", " ", "a\r\nb", "x\x00y", "\ud800"])
def test_an_address_that_is_none_never_reaches_the_provider(
    notifier: Notifier, channel: str, sandbox: Sandbox, address: str
) -> None:
    message = msgspec.structs.replace(outgoing(channel, "nowhere"), to=address)
    outcome = notifier.send(message)
    assert outcome == Refused(outcome.reason if isinstance(outcome, Refused) else "", drop_address=True)
    assert not sandbox.record.requests(message_id=message.message_id)


def test_a_failing_provider_is_asked_once_and_never_twice_by_the_sdk(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    under(sandbox, channel, "503")
    outcome = notifier.send(outgoing(channel, "failing"))
    # Twilio may have processed what it answers 503 to; FCM and mail servers have not.
    assert isinstance(outcome, Unknown if channel == "sms" else Retry)
    assert len(sandbox.record.requests(message_id=f"msg_{channel}_failing")) == 1


@pytest.mark.parametrize("mode", ["silent", "slow"])
def test_a_provider_that_does_not_answer_leaves_the_outcome_unknown(
    hurried: Notifier, channel: str, sandbox: Sandbox, mode: Mode
) -> None:
    under(sandbox, channel, mode)
    assert isinstance(hurried.send(outgoing(channel, mode)), Unknown)


def test_an_answer_of_a_byte_a_second_is_cut_off_by_the_deadline(
    request: pytest.FixtureRequest, channel: str, sandbox: Sandbox
) -> None:
    # Where the status says all, a body that comes slowly is not waited for.
    at_once = channel in THE_STATUS_IS_THE_ANSWER
    notifier: Notifier = request.getfixturevalue("notifier" if at_once else "hurried")
    under(sandbox, channel, "dribble", HURRIED_S / 3)
    begun = time.monotonic()
    assert isinstance(notifier.send(outgoing(channel, "dribble")), Accepted if at_once else Unknown)
    # The answer would take twenty times the deadline; what is asserted is that somebody let go of it.
    assert time.monotonic() - begun < HURRIED_S * 10


def test_a_connection_lost_after_acceptance_is_unknown_and_settled_where_the_provider_can_be_asked(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    under(sandbox, channel, "drop_after")
    message, begun = outgoing(channel, "dropped"), int(time.time() * 1000)
    assert isinstance(notifier.send(message), Unknown)
    assert taken(sandbox, message) == 1
    settled = notifier.settle(message, begun)
    if channel != "sms":
        assert settled == CannotTell()
        return
    assert settled == Accepted(sandbox.record.requests(message_id=message.message_id)[0].provider_id)


def test_a_connection_lost_before_acceptance_is_unknown_too_and_found_not_sent(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    under(sandbox, channel, "drop_before")
    message, begun = outgoing(channel, "lost"), int(time.time() * 1000)
    assert isinstance(notifier.send(message), Unknown)
    assert taken(sandbox, message) == 0
    assert notifier.settle(message, begun) == (NotSent() if channel == "sms" else CannotTell())


def test_a_malformed_answer_leaves_the_outcome_unknown(notifier: Notifier, channel: str, sandbox: Sandbox) -> None:
    under(sandbox, channel, "malformed")
    outcome = notifier.send(outgoing(channel, "malformed"))
    assert isinstance(outcome, Accepted if channel in THE_STATUS_IS_THE_ANSWER else Unknown)


@pytest.mark.parametrize("text", ["\ud800", "\x00\x1b[2J", "", "a" * 20_000, "{}\r\n.\r\nQUIT\r\n", "<script>&'"])
def test_whatever_a_message_says_it_is_sent_or_refused_and_never_raises(
    notifier: Notifier, channel: str, text: str
) -> None:
    message = msgspec.structs.replace(
        outgoing(channel, "odd"), title=text, text=text, html=text, collapse_key=text, data={"key": text}
    )
    outcome = notifier.send(message)
    # Twilio takes no message without a body; everything else goes out.
    assert isinstance(outcome, Refused if channel == "sms" and not text else Accepted)


def test_each_channel_has_its_page_and_the_page_names_every_code(channel: str) -> None:
    page = (Path(__file__).parents[2] / f"docs/reference/notifiers/{channel}.md").read_text(encoding="utf-8")
    assert PROVIDER[channel] in page
    codes: dict[str, list[object]] = {
        "push": [*push_codes.BY_CODE],
        "sms": [*sms_codes.BY_CODE, *MEANINGS],
        "webpush": [int(status) for status in webpush_statuses.BY_STATUS],
    }
    assert not [code for code in codes.get(channel, []) if str(code) not in page]


def test_a_refused_connection_was_not_processed_and_may_be_repeated(channel: str) -> None:
    with nobody_there() as port, opened(channel, port, port) as notifier:
        outcome = notifier.send(outgoing(channel, "nobody"))
        assert isinstance(outcome, Retry)
        assert not outcome.alarm
        assert notifier.settle(outgoing(channel, "nobody"), 0) == CannotTell()


@contextmanager
def nobody_there() -> Iterator[int]:
    """A port on which nobody listens, and nobody begins to."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextmanager
def let_go_early(channel: str, port: int) -> Iterator[Notifier]:
    """The channel at a server that keeps it waiting; a mail server does so from the beginning, for it speaks first."""
    if channel == "email":
        with opened(channel, port, port, HURRIED_S) as notifier:
            yield notifier
    else:
        with in_a_hurry_once_sent(channel), opened(channel, port, port) as notifier:
            yield notifier


def test_a_server_that_accepts_connections_and_says_nothing_is_let_go(channel: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, let_go_early(channel, mute.getsockname()[1]) as notifier:
        outcome = notifier.send(outgoing(channel, "mute"))
    # A mail server speaks first: nothing had left. The others had been sent the request.
    assert isinstance(outcome, Retry if channel == "email" else Unknown)


@pytest.mark.parametrize(
    "reply", [b"\x00\xff\xfe garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: zero\r\n\r\n", b""]
)
def test_whatever_a_stranger_on_that_port_says_nothing_is_raised(channel: str, reply: bytes) -> None:
    with stranger(reply) as port, opened(channel, port, port) as notifier:
        outcome = notifier.send(outgoing(channel, "stranger"))
    if channel in THE_STATUS_IS_THE_ANSWER and b" 200 " in reply:
        assert isinstance(outcome, Accepted)
    else:
        assert isinstance(outcome, Retry | Unknown)


@contextmanager
def stranger(reply: bytes) -> Iterator[int]:
    """A server that answers every connection with ``reply`` and hangs up."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):  # it has let go, or keeps still
                peer.settimeout(1)
                peer.sendall(reply)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(2)


def test_sixteen_threads_send_through_one_notifier_and_each_message_arrives_once(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    messages = [outgoing(channel, f"thread-{index}") for index in range(160)]
    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(notifier.send, messages))
    assert all(isinstance(each, Accepted) for each in outcomes)
    assert [taken(sandbox, each) for each in messages] == [1] * len(messages)


def test_a_provider_that_comes_back_is_reached_again_by_the_same_notifier(
    notifier: Notifier, channel: str, sandbox: Sandbox
) -> None:
    for mode in ("drop_before", "drop_after", "503"):
        under(sandbox, channel, "ok")
        assert isinstance(notifier.send(outgoing(channel, f"before-{mode}")), Accepted)
        under(sandbox, channel, mode)
        notifier.send(outgoing(channel, f"during-{mode}"))
        under(sandbox, channel, "ok")
        assert isinstance(notifier.send(outgoing(channel, f"after-{mode}")), Accepted)


def test_no_secret_and_no_address_is_in_any_outcome_or_log(
    notifier: Notifier, channel: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes: list[Outcome] = [notifier.send(outgoing(channel, "hush-refused", REFUSED[channel]))]
    modes: tuple[Mode, ...] = ("ok", "500", "429", "malformed", "drop_after")
    for mode in modes:
        under(sandbox, channel, mode)
        outcomes.append(notifier.send(outgoing(channel, f"hush-{mode}")))
        under(sandbox, channel, "ok")
        notifier.settle(outgoing(channel, f"hush-{mode}"), 0)
    ours = [each for each in caplog.records if not each.name.startswith(STAND_IN_LOGGERS)]
    said = repr(outcomes) + repr([(each.getMessage(), vars(each)) for each in ours])
    hidden = {
        SECRET,
        SIGNING_SECRET,
        VAPID_KEY,
        ADDRESS[channel],
        REFUSED[channel],
        ADDRESS[channel].lstrip("+"),
        "canary",
    }
    for canary in hidden:
        assert canary not in said


def test_configurations_do_not_show_their_secret() -> None:
    sms = SmsConfig(account_sid="AC1", auth_token=SECRET, from_="+818000000000")
    mail = EmailConfig(host="mail.example.com", username="u", password=SECRET, from_="a@example.com")
    hook = WebhookConfig(secret=SIGNING_SECRET)
    web = WebPushConfig(private_key=VAPID_KEY, subject="mailto:care@example.com")
    said = repr(sms) + str(sms) + repr(mail) + str(mail) + repr(hook) + str(hook) + repr(web) + str(web)
    assert SECRET not in said
    assert SIGNING_SECRET not in said
    assert VAPID_KEY not in said


def test_the_pure_parts_are_imported_without_any_sdk() -> None:
    code = (
        "import sys, notifiers.catalog, notifiers.sms.signature, notifiers.sms.status, notifiers.sms.segments, "
        "notifiers.sms.inbound, notifiers.webhook.signature, notifiers.egress, notifiers.endpoint, "
        "notifiers.subscription, notifiers.webpush.payload, notifiers.webpush.vapid\n"
        "heavy = {'twilio', 'firebase_admin', 'google', 'requests', 'fastapi', 'aiosmtpd'} & set(sys.modules)\n"
        "print(' '.join(sorted(heavy)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout.strip(), found.stderr, found.returncode) == ("", "", 0)


class TestTheInbox:
    """The same shape where there is no wire that could fail: what goes in is delivered, or was no inbox."""

    message = Outgoing("m1", "aiko", "Chiller too warm", "9.1 °C")

    @pytest.fixture
    def inbox(self) -> Notifier:
        return CATALOG["inbox"].build(InboxConfig())

    def test_it_is_what_the_catalog_names(self, inbox: Notifier) -> None:
        assert (inbox.channel, inbox.provider) == (CATALOG["inbox"].channel, CATALOG["inbox"].provider)

    @pytest.mark.parametrize("text", ["", "\ud800", "\x00\x1b[2J", "a" * 20_000, "<script>&'"])
    def test_whatever_a_message_says_it_is_delivered_at_once(self, inbox: Notifier, text: str) -> None:
        message = msgspec.structs.replace(self.message, title=text, text=text)
        assert inbox.send(message) == Accepted("m1", delivered=True)

    @pytest.mark.parametrize("address", ["", " ", "a\r\nb", "x\x00y", "\ud800"])
    def test_what_is_no_customer_is_refused(self, inbox: Notifier, address: str) -> None:
        outcome = inbox.send(msgspec.structs.replace(self.message, to=address))
        assert isinstance(outcome, Refused)
        assert outcome.drop_address

    def test_what_is_not_on_record_as_delivered_was_not(self, inbox: Notifier) -> None:
        assert inbox.settle(self.message, 0) == NotSent()
