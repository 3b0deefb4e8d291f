"""What stays is left out of collections; what is made later is not."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway.pauses import spare_what_stays


class Knot:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_looked_at_no_more() -> None:
    stays = Knot()
    spare_what_stays()
    assert gc.get_freeze_count() > 0
    assert not any(each is stays for each in gc.get_objects())


def test_garbage_of_before_is_freed_first() -> None:
    gone = weakref.ref(Knot())
    spare_what_stays()
    assert gone() is None


def test_garbage_of_later_is_still_found() -> None:
    spare_what_stays()
    gone = weakref.ref(Knot())
    gc.collect()
    assert gone() is None
