"""docs/reference/topics.md keeps step with the code."""

from __future__ import annotations

import re
from pathlib import Path

from devices.decoders import native
from devices.rejected import Reason
from gateway.ingress.core import DECODER_FAILED

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "topics.md"


def test_every_reason_of_a_refusal_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    assert {*Reason, DECODER_FAILED, "undecodable_record"} <= explained


def test_every_subscribed_topic_is_described() -> None:
    described = {re.sub(r"\{\w+\}", "+", topic) for topic in re.findall(r"`(devices/[^` ]+)`", PAGE.read_text())}
    assert set(native.TOPICS) <= described
