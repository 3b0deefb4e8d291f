import msgspec
import pytest

from devices.event import DeviceFacts
from rules.checkpoint import CheckpointError, encode_shared, encode_subject, restore_shared, restore_subject
from tests.unit.rules.story import CHILLER, Story, device, fix, reading, rule, store, tick


def test_ten_rules_on_a_device_take_less_than_a_kilobyte() -> None:
    rules = "rules:\n" + "".join(
        f"  - {{id: a-rather-long-rule-name-{i}, when: {{metric: m{i % 3}, above: {i}, for: 10m}}}}\n"
        for i in range(10)
    )
    story = Story(rules, device(CHILLER), *(reading(i, 7.5, f"m{i % 3}") for i in range(9)))
    assert len(encode_subject(story.state, "chiller-7")) < 1024


def test_only_what_changed_is_dirty() -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, 5), reading(0, 5, device="d-2"))
    assert story.state.take_dirty() == {"chiller-7", "d-2"}
    assert story.state.take_shared_dirty()
    story.tell(reading(1, 5, device="d-2"), tick(5))
    assert story.state.take_dirty() == {"d-2"}
    assert not story.state.take_shared_dirty()
    story.tell(store())
    assert story.state.take_shared_dirty()


def test_a_restored_device_encodes_to_the_same_bytes() -> None:
    story = Story(rule("{zone: {dwell: 2m}}"), store(), device(DeviceFacts("phone-3")), fix(0, 0), fix(10, 5))
    part = encode_subject(story.state, "phone-3")
    state = restore_shared(encode_shared(story.state))
    restore_subject(state, "phone-3", part)
    assert encode_subject(state, "phone-3") == part
    assert encode_shared(state) == encode_shared(story.state)


def test_our_time_may_be_kept_apart() -> None:
    story = Story(rule("{metric: t, above: 8}"), tick(5))
    assert restore_shared(encode_shared(story.state), now=story.state.now + 7).now == story.state.now + 7


def test_a_broken_fence_survives_a_restart_as_what_it_was() -> None:
    from devices.event import StoreFacts

    story = Story(rule("{zone: {enter: true}}"), store(StoreFacts("x", "X", {"lat": 99})))
    assert restore_shared(encode_shared(story.state)).world.stores["x"].name == "X"


@pytest.mark.parametrize("part", [b"", b"\x90", b"not msgpack", msgspec.msgpack.encode([1, 2])])
def test_bytes_that_are_no_checkpoint_are_refused(part: bytes) -> None:
    state = Story(rule("{metric: t, above: 8}")).state
    with pytest.raises(CheckpointError, match="chiller-7"):
        restore_subject(state, "chiller-7", part)
    with pytest.raises(CheckpointError):
        restore_shared(part)


def test_another_devices_checkpoint_and_another_format_are_refused() -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, 5))
    part = encode_subject(story.state, "chiller-7")
    with pytest.raises(CheckpointError, match="chiller-8"):
        restore_subject(story.state, "chiller-8", part)
    content = msgspec.msgpack.decode(part)
    with pytest.raises(CheckpointError, match="format 99"):
        restore_subject(story.state, "chiller-7", msgspec.msgpack.encode([99, *content[1:]]))
    shared = msgspec.msgpack.decode(encode_shared(story.state))
    with pytest.raises(CheckpointError, match="format 99"):
        restore_shared(msgspec.msgpack.encode([99, *shared[1:]]))
