"""Rule files of any size for the engine's benchmarks, and calm readings for them."""

from __future__ import annotations

from devices.event import DeviceChanged, DeviceFacts, RulesChanged, Telemetry
from rules.decision import Position
from rules.engine import step
from rules.state import PartitionState

START_MS = 1_800_000_000_000
MODEL = "blast-1"
METRICS = ("temperature", "vibration")
_PER_FILE = 2_000


def rule_files(total: int, concerning: int) -> dict[str, str]:
    """``total`` rules.

    The first ``concerning`` concern every device and watch one of the two metrics that each reading has: three in five
    a limit with hysteresis, one a limit that has to last (``for``), one two limits. The others concern other models.
    """
    lines = [_rule(number, MODEL if number < concerning else f"other-{number}") for number in range(total)]
    chunks = [lines[first : first + _PER_FILE] for first in range(0, total, _PER_FILE)]
    return {f"rules-{n}.yaml": "rules:\n" + "".join(chunk) for n, chunk in enumerate(chunks)}


def _rule(number: int, model: str) -> str:
    limit = 20 + number % 30
    says = (
        f"above: {limit}, clear_below: 15",
        f"above: {limit}, clear_below: 15, for: 5m",
        f"above: {limit}, clear_below: 12",
        f"below: -{limit}, clear_above: -15",
        f"between: [{limit}, {limit + 40}]",
    )[number // 2 % 5]
    when = f"{{metric: {METRICS[number % 2]}, {says}}}"
    return f"- {{id: r{number}, for_devices: {{model: {model}}}, when: {when}, purpose: maintenance}}\n"


def state_with(files: dict[str, str], devices: int) -> PartitionState:
    """A state in which the rules hold and the devices are registered.

    Raises:
        RuntimeError: the rules are refused.
    """
    state = PartitionState.empty()
    refused = step(state, RulesChanged(START_MS, "made", files), Position(1, 0))
    if refused:
        raise RuntimeError(str(refused[0]))
    for number in range(devices):
        step(state, DeviceChanged(START_MS, DeviceFacts(device_id(number), MODEL)), Position(2, number))
    return state


def device_id(number: int) -> str:
    """The name of the device with that number."""
    return f"blast-{number:05d}"


def calm_reading(device: int, number: int) -> Telemetry:
    """The device's reading of that number, one a second: values that move, and pass no limit."""
    at = START_MS + number * 1_000
    wave = (device + number) % 64 / 64
    return Telemetry(device_id(device), at, at + 5, {"temperature": 3 + 2 * wave, "vibration": 3 - 2 * wave})
