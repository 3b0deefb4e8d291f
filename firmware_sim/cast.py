"""From a scenario to models that stand ready: each with its own randomness, its times and its script. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from firmware_sim.machines.catalog import Machine as MachineModel
from firmware_sim.machines.catalog import adjust, build
from firmware_sim.people.gps import Gps
from firmware_sim.people.walker import Leg, Walker
from firmware_sim.said import Said
from firmware_sim.scenario import Machine, Person, Scenario, Turn
from firmware_sim.wire.outbox import Message


@dataclass(slots=True)
class Actor:
    """One device of the scenario. Its times are seconds since the start, real time."""

    device_id: str
    model: MachineModel | Walker
    every: float
    speed: float
    """Simulated seconds per real second."""
    script: list[Turn]
    """What is still to come, in order, times already in real seconds."""
    rng: Random
    due: float = 0.0
    """When it speaks next."""
    _last: float = field(default=0.0)

    def act(self, cut: Callable[[float], None]) -> list[Said]:
        """Live until ``due``, tell what is to be seen, and set the next due time."""
        while self.script and self.script[0].at <= self.due:
            turn = self.script.pop(0)
            if not isinstance(self.model, Walker):
                for name, value in turn.set.items():
                    adjust(self.model, name, value)
            if turn.lose_connection > 0:
                cut(turn.lose_connection)
        said = self.model.step((self.due - self._last) * self.speed, self.rng)
        self._last = self.due
        self.due += self.every
        return said


def assemble(scenario: Scenario, seed: int, speed: float | None = None) -> list[Actor]:
    """Everybody who acts in ``scenario``.

    Args:
        scenario: checked, as ``load`` gives it.
        seed: the same seed gives the same messages, whatever other devices there are.
        speed: the machines' speed instead of the scenario's own; people and script times follow in proportion.
    """
    factor = 1.0 if speed is None else speed / scenario.speed
    machines = [_machine(name, machine, scenario.speed, factor, seed) for name, machine in scenario.machines.items()]
    people = [_person(name, person, scenario, factor, seed) for name, person in scenario.people.items()]
    return machines + people


def encode(device_id: str, said: Said, at_ms: int) -> Message:
    """``said`` as a publication; ``at_ms`` (since the epoch) becomes its ``ts``."""
    body = said.body if isinstance(said.body, bytes) else msgspec.json.encode({"ts": at_ms, **said.body})
    return Message(f"devices/{device_id}/{said.kind}", body)


def _machine(device_id: str, machine: Machine, speed: float, factor: float, seed: int) -> Actor:
    model = build(machine.product, machine.settings)
    return _actor(device_id, model, machine.every, speed * factor, _timed(machine.script, factor), seed)


def _person(device_id: str, person: Person, scenario: Scenario, factor: float, seed: int) -> Actor:
    model = Walker(
        at=scenario.place(person.start),
        route=[Leg(scenario.place(stop.to), stop.stay, stop.stroll) for stop in person.route],
        gps=Gps(person.gps.accuracy, person.gps.canyon),
        pace=person.pace,
        pauses_per_hour=person.pauses_per_hour,
        sets_off_after=person.sets_off_after,
    )
    return _actor(device_id, model, person.every, scenario.people_speed * factor, _timed(person.script, factor), seed)


def _actor(
    device_id: str, model: MachineModel | Walker, every: float, speed: float, script: list[Turn], seed: int
) -> Actor:
    rng = Random(f"{seed}/{device_id}")
    return Actor(device_id, model, every, speed, script, rng, due=rng.uniform(0, every))


def _timed(script: list[Turn], factor: float) -> list[Turn]:
    turns = [
        msgspec.structs.replace(turn, at=turn.at / factor, lose_connection=turn.lose_connection / factor)
        for turn in script
    ]
    return sorted(turns, key=lambda turn: turn.at)
