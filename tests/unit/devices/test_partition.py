import zlib
from collections import Counter

import pytest

from devices.partition import partition_of


def test_never_changes() -> None:
    assert [partition_of(device_id, 8) for device_id in ("chiller-7", "phone-3", "a")] == [
        zlib.crc32(b"chiller-7") % 8, zlib.crc32(b"phone-3") % 8, 3,
    ]  # fmt: skip


def test_spreads_devices_evenly() -> None:
    found = Counter(partition_of(f"device-{i}", 8) for i in range(8000))
    assert set(found) == set(range(8))
    assert max(found.values()) < 1.2 * min(found.values())


@pytest.mark.parametrize("partitions", [0, -1])
def test_refuses_less_than_one_partition(partitions: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        partition_of("a", partitions)
