from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.egress import (
    NotPublicError,
    is_loopback,
    is_public,
    refuse_private,
    refuse_private_but_loopback,
)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192"),
        *("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::127.0.0.1"),
        *("64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::8.8.8.8"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1"),
        *("", "localhost", "1.2.3", "0x7f000001", "2130706433"),
    ],
)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(NotPublicError) as refused:
        refuse_private(address)
    assert not address or address not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8"],
)
def test_the_public_internet_passes(address: str) -> None:
    assert is_public(address)
    refuse_private(address)


@given(st.ip_addresses())
def test_nothing_passes_that_python_does_not_call_global_too(address: ipaddress.IPv4Address) -> None:
    """Python's own reading of the registries as the second opinion; it counts multicast and NAT64 as global."""
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


def test_the_sandbox_may_call_this_machine_and_nothing_else_that_is_private() -> None:
    refuse_private_but_loopback("127.0.0.1")
    refuse_private_but_loopback("::1")
    refuse_private_but_loopback("8.8.8.8")
    for address in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"):
        with pytest.raises(NotPublicError):
            refuse_private_but_loopback(address)
    assert not is_loopback("localhost")
