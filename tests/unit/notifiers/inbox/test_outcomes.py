from __future__ import annotations

import pytest

from notifiers.inbox.outcomes import outcome_of
from notifiers.outcome import Accepted, Outgoing, Refused


def test_to_record_the_outcome_is_to_deliver() -> None:
    assert outcome_of(Outgoing("m1", "aiko", "Title", "Text")) == Accepted("m1", delivered=True)


@pytest.mark.parametrize("nobody", ["", "  ", "a\nb"])
def test_an_inbox_of_nobody_is_refused(nobody: str) -> None:
    assert isinstance(outcome_of(Outgoing("m1", nobody, "Title", "Text")), Refused)
