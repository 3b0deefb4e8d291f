import socket

import pytest

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.ports import LOOPBACK, Bind, free_port, parse_bind, why_not


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:1883", Bind("127.0.0.1", 1883)),
        ("[::1]:1883", Bind("::1", 1883)),
        (":1883", Bind("0.0.0.0", 1883)),
        ("0.0.0.0:0", Bind("0.0.0.0", 0)),
    ],
)
def test_an_address_is_read(text: str, bind: Bind) -> None:
    assert parse_bind(text, "mqtt.bind") == bind


@pytest.mark.parametrize("text", ["", "1883", "127.0.0.1", "a:b", "a:65536", "a:-1", "a:²"])
def test_what_is_no_address_is_refused_naming_the_setting(text: str) -> None:
    with pytest.raises(EmbeddedError, match=r"mqtt\.bind = .*write it like"):
        parse_bind(text, "mqtt.bind")


def test_an_address_is_written_as_it_is_read() -> None:
    assert str(Bind("::1", 1)) == "[::1]:1"
    assert str(Bind("127.0.0.1", 1)) == "127.0.0.1:1"


def test_a_taken_port_is_noticed_and_another_one_chosen() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert why_not(Bind(LOOPBACK, port)) is not None
        assert free_port(port, set()) != port


def test_an_address_of_another_machine_is_noticed() -> None:
    assert why_not(Bind("192.0.2.1", 1883)) is not None


def test_a_remembered_port_is_used_again_but_never_twice() -> None:
    taken: set[int] = set()
    port = free_port(None, taken)
    assert taken == {port}
    assert free_port(port, set()) == port
    assert free_port(port, taken) != port
