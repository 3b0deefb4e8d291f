"""Channels on which a rule's template says nothing: a warning, with the file to write."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rules.decision import NotifyAction
from rules.problem import Problem
from rules.reading import Reading


def advise_on_texts(
    rule: Reading, actions: Sequence[NotifyAction | None], known_templates: Collection[str] | None
) -> Iterator[Problem]:
    """The warnings on one rule; none where it leaves the channels to the customer.

    Args:
        rule: as it stands in its file.
        actions: the words that it sends, first its own, then those of its steps.
        known_templates: see ``rules.document.parse``.
    """
    if not isinstance(known_templates, Mapping):
        return
    told = dict.fromkeys(
        (action.template, channel, "then" if action == actions[0] else "steps")
        for action in actions
        if action is not None
        for channel in action.channels
        if channel in known_templates.get(action.template, ())
    )
    for template, channel, key in told:
        node = rule.entries[key]
        message = f"template '{template}' has no text for {channel} in any language: the plain text goes out there"
        files = known_templates[template][channel]
        mend = f"write {files} in the folder of your templates, or leave {channel} out of 'channels'"
        yield Problem(rule.file, node.line, node.column, rule.place(key), message, mend)
