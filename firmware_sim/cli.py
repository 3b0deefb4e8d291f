"""The ``kizashi-sim`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firmware_sim.display import Display
    from firmware_sim.run import Network, Progress, Stage
    from firmware_sim.scenario import Scenario

_USAGE, _FAILED = 2, 1

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def simulate(
    scenario: Annotated[str | None, typer.Argument(help="A scenario file, or the name of a shipped one.")] = None,
    *,
    broker: Annotated[str, typer.Option(help="mqtt://host:port, or mqtts:// with TLS.")] = "mqtt://127.0.0.1:1883",
    username: Annotated[str | None, typer.Option(help="For the shared connection.")] = None,
    password: Annotated[
        str | None, typer.Option(help="For the shared connection.", envvar="KIZASHI_SIM_PASSWORD")
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(help='JSON {device_id: {"username", "password"}}: one connection for each device.'),
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, help="How many connections devices without credentials share.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 1,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Simulated seconds of a machine's life in one real second.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many real seconds.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificate authorities to trust (PEM), with mqtts://.")] = None,
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the shipped scenarios.")] = False,
    print_inventory: Annotated[
        bool, typer.Option("--print-inventory", help="Print the customers, devices and stores as JSON, and end.")
    ] = False,
) -> None:
    """Simulate machines that wear out and shoppers who walk past, as MQTT devices of a scenario."""
    if list_scenarios:
        _list()
    elif scenario is None:
        raise typer.BadParameter("give a scenario, or --list", param_hint="SCENARIO")
    elif print_inventory:
        _print_inventory(_load(scenario))
    else:
        played = _load(scenario)
        network = _network(played, broker, ca_file, (username, password), credentials, connections)
        raise typer.Exit(_play(played, network, seed, speed, seconds or played.seconds))


def main() -> None:
    """Entry point. Exit codes: 0 fine, 1 the broker did not take everything, 2 wrong usage."""
    app()


def _list() -> None:
    from firmware_sim.scenario import shipped

    for entry in shipped():
        print(f"{entry.name:<12} {entry.about}")


def _load(name: str) -> Scenario:
    from firmware_sim.scenario import ScenarioError, load

    try:
        return load(name)
    except ScenarioError as error:
        raise typer.BadParameter(str(error), param_hint="SCENARIO") from error


def _print_inventory(scenario: Scenario) -> None:
    import json
    from datetime import UTC, datetime

    from firmware_sim.scenario import inventory

    print(json.dumps(inventory(scenario, datetime.now(UTC)), ensure_ascii=False, indent=1))


def _network(
    scenario: Scenario,
    broker: str,
    ca_file: Path | None,
    login: tuple[str | None, str | None],
    credentials: Path | None,
    connections: int,
) -> Network:
    from firmware_sim.run import Network
    from firmware_sim.wire.broker import BrokerError, Login, parse_broker, read_credentials

    try:
        logins = {} if credentials is None else read_credentials(credentials)
        address = parse_broker(broker, ca_file)
    except BrokerError as error:
        raise typer.BadParameter(str(error)) from error
    missing = sorted({*scenario.machines, *scenario.people} - set(logins))
    if credentials is not None and missing:
        raise typer.BadParameter(f"no login for {', '.join(missing[:5])}", param_hint="--credentials")
    if ca_file is not None and not ca_file.is_file():
        raise typer.BadParameter(f"{ca_file} is not a file", param_hint="--ca-file")
    return Network(address, Login(*login), logins, connections)


def _play(scenario: Scenario, network: Network, seed: int, speed: float | None, seconds: float | None) -> int:
    import asyncio

    from firmware_sim.cast import assemble
    from firmware_sim.display import display_for
    from firmware_sim.run import Stage

    async def play(display: Display) -> Progress:
        stage: Stage = Stage(assemble(scenario, seed, speed), network, seed)
        return await stage.play(seconds, display.show)

    with display_for(sys.stderr, scenario.name, seconds) as display:
        done = asyncio.run(play(display))
    print(
        f"{done.acknowledged} messages acknowledged in {done.seconds:.1f} s from {done.connections} connections; "
        f"{done.reconnects} reconnects, {done.dropped} given up, {done.waiting} not delivered"
    )
    if done.refused:
        print(f"last refusal: {done.refused}", file=sys.stderr)
    return _FAILED if done.waiting or done.dropped or not done.acknowledged else 0


if __name__ == "__main__":
    main()
