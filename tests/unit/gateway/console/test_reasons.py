from __future__ import annotations

import pytest

from gateway.console.entries import REASONS
from notifiers.policy import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_the_console_has_words_for_every_reason_of_the_policy(reason: Reason) -> None:
    assert REASONS[reason.value]
