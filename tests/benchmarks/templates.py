"""Events to finished messages: the shipped templates, one process, no I/O."""

from __future__ import annotations

import time

from notifiers.templates import Templates, example
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings

RENDERS = 2_000
TEXTS = (("push", "en"), ("push", "ja"), ("sms", "en"), ("sms", "ja"), ("email", "en"), ("email", "ja"))
"""An email is its plain text and its HTML."""


def run(settings: Settings) -> list[Section]:
    """Render each channel and language many times over, each time with another device."""
    templates = Templates.load()
    figures = []
    for channel, language in TEXTS:
        rates = tuple(_rate(templates, channel, language) for _ in range(settings.runs))
        figures.append(Figure(f"{channel} in {language}", "renders/s", rates))
        settings.say(f"{channel} in {language}: {max(rates):,.0f} renders/s")
    about = "The shipped `alert`, checked names, budget and limits included."
    return [Section("templates", about, figures)]


def _rate(templates: Templates, channel: str, language: str) -> float:
    sample = example("example", language)
    contexts = [{**sample, "device": {"id": f"d{number}", "name": f"Chiller {number}"}} for number in range(RENDERS)]
    templates.render("alert", channel, language, contexts[0])
    started = time.perf_counter()
    for context in contexts:
        templates.render("alert", channel, language, context)
    return RENDERS / (time.perf_counter() - started)
