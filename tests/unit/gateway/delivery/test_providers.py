"""The channels as the settings make them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.delivery import providers
from gateway.delivery.providers import Unconfigured
from gateway.settings import Settings
from notifiers.catalog import CATALOG
from notifiers.outcome import Outgoing, Refused

ACCOUNT = {"account_sid": "AC" + "0" * 32, "auth_token": "token", "from": "+15005550006"}
MAIL = {"host": "mail.example.com", "from": "alerts@example.com", "username": "kizashi", "password": "secret"}


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def spare_names(**sections: Any) -> dict[str, str]:
    return {channel: spare.provider for channel, spare in providers.spares(settings(**sections)).items()}


def test_every_channel_has_somebody_who_answers_for_it() -> None:
    built = providers.build(settings())
    assert list(built) == list(CATALOG)
    assert isinstance(built["sms"], Unconfigured)
    assert built["sms"].send(Outgoing("m", "+819012345678", "", "x")) == Refused("channel_not_configured")


@pytest.mark.parametrize(
    ("smtp", "said"),
    [
        ({"port": 465, "starttls": True}, "set smtp.port = 587"),
        ({"starttls": False}, "smtp.starttls or smtp.tls"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem can't be used: No such file"),
        ({"ca_file": __file__}, "test_providers.py can't be used"),
    ],
)
def test_settings_that_cannot_work_refuse_each_message_with_the_mend(smtp: dict[str, Any], said: str) -> None:
    built = providers.build(settings(smtp={**MAIL, **smtp}))["email"]
    outcome = built.send(Outgoing("m", "yuki@example.com", "", "x"))
    assert isinstance(outcome, Refused)
    assert said in outcome.reason


def test_what_is_wrong_is_told_before_anything_is_sent() -> None:
    wrong = settings(smtp={**MAIL, "tls": True, "starttls": True}, webhook={"secret": "whsec_short"})
    assert "set smtp.tls alone for port 465" in (providers.fault_of(wrong, "email") or "")
    assert "webhook.secret must be whsec_" in (providers.fault_of(wrong, "webhook") or "")
    assert providers.fault_of(wrong, "sms") is None, "not configured is no fault"
    assert providers.fault_of(settings(smtp=MAIL), "email") is None


def test_a_second_account_and_a_second_server_are_spares() -> None:
    assert spare_names(twilio_2=ACCOUNT, smtp_2=MAIL) == {"sms": "twilio_2", "email": "smtp_2"}
    assert spare_names() == {}


def test_in_the_sandbox_nothing_takes_over_that_is_real() -> None:
    assert spare_names(sandbox=True, twilio_2=ACCOUNT, smtp_2=MAIL) == {}
    real = {**ACCOUNT, "base_url": "https://api.example.com"}
    assert spare_names(sandbox=True, twilio_2=real, smtp_2={**MAIL, "host": "127.0.0.1.example.com"}) == {}
    here = {**ACCOUNT, "base_url": "http://127.0.0.1:9099"}
    mail_here = {**MAIL, "host": "127.0.0.1", "starttls": False}
    assert spare_names(sandbox=True, twilio_2=here, smtp_2=mail_here) == {"sms": "twilio_2", "email": "smtp_2"}


def test_in_the_sandbox_a_password_of_the_real_server_is_not_used() -> None:
    stand_in = {**MAIL, "host": "127.0.0.1", "port": 2525, "starttls": False}
    assert not isinstance(providers.build(settings(sandbox=True, smtp=stand_in))["email"], Unconfigured)
    assert isinstance(providers.build(settings(smtp=stand_in))["email"], Unconfigured)
