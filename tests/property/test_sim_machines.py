"""Laws of the simulated machines and of the outbox."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.machines.chiller import Chiller
from firmware_sim.machines.washing_machine import WashingMachine
from firmware_sim.machines.water_purifier import WaterPurifier
from firmware_sim.wire.backoff import wait_seconds
from firmware_sim.wire.outbox import Message, Outbox

share = st.floats(0, 1)
steps = st.lists(st.floats(0.1, 900.0), min_size=1, max_size=40)


@given(share, st.floats(0, 0.95), st.floats(-5, 43), st.booleans(), st.booleans(), steps, st.integers())
def test_energy_never_falls_and_no_cabinet_gets_warmer_than_its_surroundings(
    charge: float, fouling: float, ambient: float, dead: bool, door: bool, times: list[float], seed: int
) -> None:
    rng = Random(seed)
    chiller = Chiller(ambient=ambient, charge=charge, fouling=fouling, compressor_dead=dead, door_held_open=door)
    highest = max(ambient, chiller.temperature) + 1e-6
    for dt in times:
        before = chiller.energy_wh
        chiller.step(dt, rng)
        assert chiller.power >= 0
        assert chiller.energy_wh >= before
        assert chiller.temperature <= highest
        assert chiller.condenser_temperature >= min(ambient, 27.0) - 1e-6


@given(st.floats(1, 1600), share, share)
def test_vibration_grows_with_the_wear_of_the_bearing(rpm: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert WashingMachine(bearing_wear=less).drum_vibration(rpm) <= WashingMachine(bearing_wear=more).drum_vibration(
        rpm
    )


@given(steps, share, share, st.integers())
def test_a_washing_machine_never_holds_negative_water_nor_boils(
    times: list[float], clog: float, wear: float, seed: int
) -> None:
    machine, rng = WashingMachine(pump_clog=clog, bearing_wear=wear), Random(seed)
    for dt in times:
        machine.step(dt, rng)
        assert 0 <= machine.water <= 16 + 1e-6
        assert machine.water_temperature < 100
        assert 0 <= machine.drum_speed <= machine.spin_speed


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_more_used_filter_never_passes_more(one: float, other: float) -> None:
    fresh, used = (WaterPurifier(filtered=litres) for litres in sorted((one, other)))
    assert used.pumped_flow() <= fresh.pumped_flow()
    assert used.filter_pressure() >= fresh.filter_pressure()
    assert used.outlet_solids() >= fresh.outlet_solids()


@given(st.integers(0, 1_000), st.integers(), st.floats(0.3, 60))
def test_the_wait_before_a_reconnect_is_jittered_within_its_bounds(attempt: int, seed: int, longest: float) -> None:
    wait = wait_seconds(attempt, Random(seed), longest=longest)
    assert min(longest, 0.25) / 2 <= wait <= longest


@given(st.lists(st.sampled_from(["say", "send", "acknowledge", "lose"]), max_size=200), st.integers(1, 8))
def test_whatever_happens_first_arrivals_are_in_order_and_nothing_is_lost(story: list[str], window: int) -> None:
    outbox, arrived, said, packet = Outbox(window=window), [], 0, 0

    def send() -> None:
        nonlocal packet
        if (message := outbox.next()) is not None:
            packet += 1
            arrived.append(int(message.payload))
            outbox.was_sent(packet, message)

    for act in story:
        if act == "say":
            outbox.put(Message("t", str(said).encode()))
            said += 1
        elif act == "send":
            send()
        elif act == "acknowledge" and outbox.unacknowledged:
            outbox.was_acknowledged(next(iter(outbox.unacknowledged)))
        elif act == "lose":
            outbox.connection_lost()
        assert len(outbox.unacknowledged) <= window
    while len(outbox):
        send()
        outbox.was_acknowledged(next(iter(outbox.unacknowledged)))
    assert list(dict.fromkeys(arrived)) == list(range(said))
    assert outbox.acknowledged == said


@given(st.integers(1, 20), st.integers(0, 60))
def test_a_full_outbox_gives_up_the_oldest_and_counts_them(limit: int, said: int) -> None:
    outbox = Outbox(limit=limit)
    for n in range(said):
        outbox.put(Message("t", str(n).encode()))
    assert outbox.dropped == max(0, said - limit)
    assert [int(m.payload) for m in outbox.waiting] == list(range(said))[-limit:]
