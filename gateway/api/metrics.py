"""The numbers for Prometheus: what the tables say, and what this process counted by itself."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devices.event import Millis
from gateway.storage.overview import Overview

SEVERITIES = ("critical", "major", "minor", "warning", "info")


class OverviewCollector(Collector):
    """The system's numbers, as one reading of the tables gave them."""

    def __init__(self, numbers: Overview, rejected: int | None, now_ms: Millis) -> None:
        self._numbers = numbers
        self._rejected = rejected
        self._now_ms = now_ms

    def collect(self) -> Iterator[Metric]:
        """Each number as a metric family."""
        numbers = self._numbers
        yield CounterMetricFamily("kizashi_events_processed", "Events folded by the rules.", numbers.events)
        if self._rejected is not None:
            yield CounterMetricFamily("kizashi_events_rejected", "Input that was refused.", self._rejected)
        yield CounterMetricFamily("kizashi_rule_faults", "Failures set aside, ever.", numbers.faults)
        yield _labelled("kizashi_alerts_firing", "Alerts that fire now.", "severity", self._alerts())
        yield _labelled("kizashi_decisions_recorded", "Decisions in the database.", "rule", numbers.decisions)
        yield _labelled("kizashi_suppressions", "Contacts not made.", "reason", numbers.suppressions)
        yield _labelled("kizashi_outbox_depth", "Messages not at an end yet.", "state", numbers.outbox)
        yield _labelled("kizashi_cases", "Cases.", "state", numbers.cases)
        yield self._messages()
        yield _by_channel("kizashi_receipts_recorded", "Messages told of.", "status", self._numbers.receipts)
        yield _by_channel("kizashi_replies_recorded", "What customers answered.", "meaning", self._numbers.replies)
        yield from self._partitions()
        yield GaugeMetricFamily("kizashi_provider_alarms", "Providers that need an operator.", len(numbers.alarms))

    def _alerts(self) -> dict[str, int]:
        return {severity: self._numbers.alerts.get(severity, 0) for severity in SEVERITIES}

    def _messages(self) -> Metric:
        family = GaugeMetricFamily("kizashi_messages_recorded", "Messages.", labels=["channel", "state"])
        for channel, states in self._numbers.messages.items():
            for state, number in states.items():
                family.add_metric([channel, state], number)
        return family

    def _partitions(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "kizashi_partition_lag_seconds", "Now minus the newest event in the checkpoint.", labels=["partition"]
        )
        owned = GaugeMetricFamily("kizashi_partition_owned", "1: a worker folds it.", labels=["partition"])
        for each in self._numbers.partitions:
            name = [str(each.partition)]
            owned.add_metric(name, 0 if each.owner is None else 1)
            if each.newest_at:
                lag.add_metric(name, max(0, self._now_ms - each.newest_at) / 1000)
        yield lag
        yield owned


def _by_channel(name: str, said: str, label: str, numbers: dict[tuple[str, str], int]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=["channel", label])
    for labels, number in numbers.items():
        family.add_metric(labels, number)
    return family


def exposition(numbers: Overview, rejected: int | None, *, now_ms: Millis) -> bytes:
    """The text that ``/metrics`` answers. ``rejected`` is ``None`` when the log could not say."""
    registry = CollectorRegistry()
    registry.register(OverviewCollector(numbers, rejected, now_ms))
    return generate_latest(registry) + generate_latest(REGISTRY)


def _labelled(name: str, said: str, label: str, numbers: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family
