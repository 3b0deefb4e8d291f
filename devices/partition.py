"""Which partition of the log a device's events go to."""

from __future__ import annotations

import zlib


def partition_of(device_id: str, partitions: int) -> int:
    """The partition, 0 to ``partitions`` - 1: CRC-32 of the id's UTF-8, modulo ``partitions``.

    The same on every machine and in every version. Changing ``partitions`` moves devices between partitions.

    Raises:
        ValueError: ``partitions`` is less than 1.
    """
    if partitions < 1:
        raise ValueError(f"partitions must be at least 1, not {partitions}")
    return zlib.crc32(device_id.encode()) % partitions
