"""The products that a scenario can name, and how a scenario's settings reach them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from firmware_sim.machines.broken_firmware import BrokenFirmware
from firmware_sim.machines.chiller import Chiller
from firmware_sim.machines.washing_machine import WashingMachine
from firmware_sim.machines.water_purifier import WaterPurifier
from firmware_sim.said import Setting

Machine = Chiller | WashingMachine | WaterPurifier | BrokenFirmware

PRODUCTS: dict[str, type[Machine]] = {
    "chiller": Chiller,
    "washing-machine": WashingMachine,
    "water-purifier": WaterPurifier,
    "broken-firmware": BrokenFirmware,
}


class SettingError(ValueError):
    """A scenario names a product or a setting that does not exist, or gives it a value of the wrong kind."""


def build(product: str, settings: Mapping[str, Setting]) -> Machine:
    """A machine fresh from the factory, then set as the scenario says.

    Raises:
        SettingError: no such product, no such setting, or a value of the wrong kind.
    """
    if product not in PRODUCTS:
        raise SettingError(f"no product {product!r}; there are {', '.join(sorted(PRODUCTS))}")
    machine = PRODUCTS[product]()
    for name, value in settings.items():
        adjust(machine, name, value)
    return machine


def adjust(machine: Machine, name: str, value: Setting) -> None:
    """Change one setting of a running machine.

    Raises:
        SettingError: no such setting, or a value of the wrong kind.
    """
    if name not in machine.SETTINGS:
        known = ", ".join(sorted(machine.SETTINGS))
        raise SettingError(f"{type(machine).__name__} has no setting {name!r}; it has {known}")
    setattr(machine, name, _checked(name, value, is_switch=isinstance(getattr(machine, name), bool)))


def _checked(name: str, value: Setting, *, is_switch: bool) -> float | bool:
    if is_switch:
        if not isinstance(value, bool):
            raise SettingError(f"{name!r} is true or false, not {value!r}")
        return value
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise SettingError(f"{name!r} is a number, not {value!r}")
    return float(value)
