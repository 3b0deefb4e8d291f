from pathlib import Path

import pytest

from firmware_sim.wire.broker import Broker, BrokerError, Login, parse_broker, read_credentials
from firmware_sim.wire.packets import ProtocolError, connect, count_pubacks, length, publish_head


def test_a_broker_is_a_scheme_a_host_and_a_port_that_may_be_left_out() -> None:
    assert parse_broker("mqtt://localhost") == Broker("localhost", 1883)
    assert parse_broker("mqtt://[::1]:2000") == Broker("::1", 2000)
    assert parse_broker("mqtts://b", Path("ca.pem")) == Broker("b", 8883, tls=True, ca_file=Path("ca.pem"))


@pytest.mark.parametrize(
    "url", ["localhost", "http://h", "mqtt://", "mqtt://h:x", "mqtt://h:99999", "mqtt://u:p@h", "mqtt://h/p"]
)
def test_anything_else_is_refused_with_the_form_to_use(url: str) -> None:
    with pytest.raises(BrokerError, match="broker"):
        parse_broker(url)


def test_a_ca_file_without_tls_is_a_mistake_not_a_wish_to_be_ignored() -> None:
    with pytest.raises(BrokerError, match="mqtts"):
        parse_broker("mqtt://h", Path("ca.pem"))


def test_credentials_are_read_for_each_device(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"a": {"username": "u", "password": "p"}}')
    assert read_credentials(path) == {"a": Login("u", "p")}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": "p"}', '{"a": {"username": "u"}}', '{"a": {"username": 1, "password": "p"}}']
)
def test_credentials_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(BrokerError, match="credentials"):
        read_credentials(path)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (268_435_455, "ffffff7f")],
)
def test_lengths_are_written_as_the_standards_table_has_them(number: int, encoded: str) -> None:
    assert length(number).hex() == encoded


def test_connect_and_publish_have_the_bytes_of_the_standard() -> None:
    assert connect("c", Login()).hex() == "100d00044d51545404020000000163"
    assert connect("c", Login("u", "p")).hex() == "101300044d515454" + "04c20000" + "000163" + "000175" + "000170"
    assert publish_head("a/b", 2, 1).hex() == "32090003612f62"
    assert publish_head("a/b", 2, 0).hex() == "30070003612f62"


def test_acknowledgements_are_counted_and_anything_else_is_not_taken_for_one() -> None:
    assert count_pubacks(bytes.fromhex("4002000140020002")) == 2
    with pytest.raises(ProtocolError):
        count_pubacks(bytes.fromhex("40020001d0020002"))
