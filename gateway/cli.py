"""The command line. Only names and options live here; each command imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.proxies import spare_loopback

app = typer.Typer(
    name="kizashi",
    help="Devices in, the right word to the right person once, every touchpoint on one timeline.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
rules_app = typer.Typer(help="Check rule files, and try them before they go live.", no_args_is_help=True)
import_app = typer.Typer(help="Bring customers, devices or stores in from a file.", no_args_is_help=True)
devices_app = typer.Typer(help="Devices and their credentials.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys for the API and the console.", no_args_is_help=True)
templates_app = typer.Typer(help="Check templates, look at them, send one to yourself.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
app.add_typer(templates_app, name="templates")
app.add_typer(import_app, name="import")
app.add_typer(devices_app, name="devices")
app.add_typer(keys_app, name="keys")
policy_app = typer.Typer(help="The contact policy.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
bounces_app = typer.Typer(help="Mail that came back.", no_args_is_help=True)
app.add_typer(bounces_app, name="bounces")


class Role(StrEnum):
    """What a process of ``serve`` does."""

    all = "all"
    ingress = "ingress"
    worker = "worker"
    deliver = "deliver"
    api = "api"


class KeyRole(StrEnum):
    """What the bearer of a key may do; docs/reference/http-api.md has the table."""

    admin = "admin"
    agent = "agent"
    read = "read"
    ingest = "ingest"


class Noun(StrEnum):
    """What can be imported."""

    customers = "customers"
    devices = "devices"
    stores = "stores"


class Sample(StrEnum):
    """The made-up event that a template is shown with."""

    example = "example"
    long = "long"
    spare = "spare"


RuleFiles = Annotated[Path, typer.Argument(exists=True, help="A YAML file, or a folder of them.")]
Folder = Annotated[Path | None, typer.Option("--templates", help="Folder of your own templates.", file_okay=False)]
Until = Annotated[str | None, typer.Option(help="Where to end, written like --since; now, if left out.")]
Json = Annotated[Path | None, typer.Option(dir_okay=False, help="Write everything as JSON to this file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The template's.")]
Channel = Annotated[str, typer.Option(help="push, sms, email, webpush, webhook, inbox or one of your own.")]
Language = Annotated[str | None, typer.Option(help="The reader's, such as ja; left out: the customer's, else en.")]
SampleName = Annotated[Sample, typer.Option("--example", help="long: long names; spare: nothing that may be left out.")]
CustomerId = Annotated[str | None, typer.Option("--customer", metavar="ID", help="For this customer.")]
DecisionId = Annotated[str | None, typer.Option("--decision", metavar="ID", help="About this decision.")]


@app.command()
def demo(
    seconds: Annotated[int | None, typer.Option(min=1, help="End by itself after so many seconds of traffic.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the summary as JSON to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated machines and shoppers.")] = 7,
) -> None:
    """Everything at once: embedded stack, sandbox providers, simulated machines and shoppers, console."""
    from gateway.demo.run import run

    run(seconds=seconds, report=report, seed=seed)


@app.command()
def serve(
    role: Annotated[Role, typer.Option(help="all: the whole gateway on this machine.")] = Role.all,
    probes_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="/healthz, /readyz and /metrics of this one process, on loopback."),
    ] = None,
) -> None:
    """Run the gateway, or one part of it."""
    from gateway.commands.serve import run

    run(role.value, probes_port)


@app.command()
def migrate() -> None:
    """Bring the schema of your own PostgreSQL up to date, and hand the rules over. `serve` alone does it itself."""
    from gateway.commands.migrate import run

    run()


@app.command()
def export(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write to this file, not to stdout.")] = None,
) -> None:
    """Write everything on record of a customer as JSON."""
    from gateway.commands.customer_data import export as write

    write(customer, output)


@app.command()
def erase(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a customer and everything that speaks of them. Their devices stay, without an owner."""
    from gateway.commands.customer_data import erase as remove

    remove(customer, yes=yes)


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete now what is older than the settings keep it. The gateway does so by itself, once a day."""
    from gateway.commands.retention import run

    run(dry_run=dry_run)


@app.command()
def doctor() -> None:
    """Look at settings, parts and providers, and say what to mend."""
    from gateway.commands.doctor import run

    run()


@rules_app.command("check")
def rules_check(
    file: RuleFiles,
    templates: Folder = None,
) -> None:
    """Say whether the rules can be used; if not, the line and the mend (exit 1)."""
    from gateway.commands.rules import check

    check(file, templates)


@rules_app.command("test")
def rules_test(
    file: RuleFiles,
    templates: Folder = None,
) -> None:
    """Play the examples that stand beside the rules; exit 1 where one comes otherwise than expected."""
    from gateway.commands.rules_test import run

    run(file, templates)


@rules_app.command("backtest")
def rules_backtest(
    file: Annotated[Path, typer.Argument(exists=True, help="A YAML file, or a folder of them: the rules to try.")],
    since: Annotated[str | None, typer.Option(help="From the event log: 30d, 12h, or a time in ISO 8601.")] = None,
    until: Until = None,
    past: Annotated[
        Path | None,
        typer.Option("--input", exists=True, dir_okay=False, help="Instead of the log, a CSV or Parquet file."),
    ] = None,
    devices: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="What the devices are: as for `import devices`.")
    ] = None,
    stores: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Stores and their fences: as for `import stores`.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(exists=True, help="Compare with the rules in this file or folder, not the live ones.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Report on this rule only; may be repeated.")] = None,
    json: Json = None,
) -> None:
    """Say what the rules would have decided in the past, for whom, and how the live rules differ."""
    from gateway.commands.rules_backtest import Options, run

    asked = Options(
        file,
        since=since,
        until=until,
        past=past,
        devices=devices,
        stores=stores,
        against=against,
        rules=rule,
        json=json,
    )
    run(asked)


@rules_app.command("explain")
def rules_explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")],
    device: Annotated[str, typer.Option(metavar="ID", help="The device, or a group such as store/ginza.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="ISO 8601 (UTC without a zone), 2h ago, or now.")] = "now",
) -> None:
    """Say why the rule did not fire on the device at that time, or since when it does."""
    from gateway.commands.rules_explain import explain

    explain(rule, device, at)


@templates_app.command("check")
def templates_check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", file_okay=False, help="Your own templates; templates.dir.")
    ] = None,
) -> None:
    """Say whether every text can be sent; if not, the file, the line and the mend (exit 1)."""
    from gateway.commands.templates import check

    check(folder)


@templates_app.command("preview")
def templates_preview(
    name: Name,
    channel: Channel = "push",
    language: Language = None,
    sample: SampleName = Sample.example,
    customer: CustomerId = None,
    decision: DecisionId = None,
    templates: Folder = None,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the HTML to this file.")] = None,
) -> None:
    """Print what a text would say, with its segments or bytes."""
    from gateway.commands.templates import Asked, show

    show(Asked(name, channel, language, templates, sample.value, customer, decision), output)


@templates_app.command("send-test")
def templates_send_test(
    name: Name,
    to: Annotated[str, typer.Option(help="Your own token, number, mailbox or subscription.")],
    channel: Channel = "push",
    language: Language = None,
    sample: SampleName = Sample.example,
    customer: CustomerId = None,
    decision: DecisionId = None,
    templates: Folder = None,
) -> None:
    """Send a text to one address of yours, marked as a test."""
    from gateway.commands.templates import Asked, send_test

    send_test(Asked(name, channel, language, templates, sample.value, customer, decision), to)


@policy_app.command("simulate")
def policy_simulate(
    since: Annotated[str, typer.Option(help="From when on: 7d, 12h, or a time in ISO 8601.")] = "7d",
    until: Until = None,
    settings: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A kizashi.toml whose section policy is tried.")
    ] = None,
    json: Json = None,
) -> None:
    """Say what other settings would have sent, refused and cost in the past, beside what really happened."""
    from gateway.commands.policy_simulate import run

    run(since, until, settings, json)


def _import_command(noun: Noun) -> None:
    @import_app.command(noun.value)
    def command(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
        from gateway.commands.imports import run

        run(noun.value, file)

    command.__doc__ = f"Bring {noun.value} in from JSON, JSON Lines or CSV; all of them, or none where one is wrong."


for _noun in Noun:
    _import_command(_noun)


@devices_app.command("credentials")
def devices_credentials(device_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Make new MQTT credentials for a device and print them as JSON; older ones stop working."""
    from gateway.commands.devices import credentials

    credentials(device_id)


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Option(help="Whose key it is, for the list of keys.")],
    role: Annotated[KeyRole, typer.Option(help="What its bearer may do.")] = KeyRole.agent,
) -> None:
    """Make a key for the API and the console and print it; it is not shown again."""
    from gateway.commands.keys import add

    add(name, role.value)


@keys_app.command("vapid")
def keys_vapid(
    new: Annotated[bool, typer.Option("--new", help="Another than is set: all browsers subscribe anew.")] = False,
) -> None:
    """Make the key of web push, or print the public half of the one that is set."""
    from gateway.commands.keys import vapid

    vapid(new)


@bounces_app.command("read")
def bounces_read() -> None:
    """Take a mail that came back from stdin; exit 75 where the gateway is away, so that the mail server keeps it."""
    from gateway.commands.bounces import read

    read()


@bounces_app.command("forget")
def bounces_forget(address: Annotated[str, typer.Argument(metavar="ADDRESS")]) -> None:
    """Use an address again that bounced and is in order now."""
    from gateway.commands.bounces import forget

    forget(address)


@app.callback()
def every_command() -> None:
    """What is logged goes to stderr: stdout is for what was asked for."""
    import logging

    from gateway import logs

    logs.configure(role="command", level=logging.WARNING)


def main() -> None:
    """Entry point of ``kizashi``."""
    spare_loopback()
    app()


if __name__ == "__main__":
    main()
