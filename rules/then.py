"""Reading ``then``: the case to open and the words to send."""

from __future__ import annotations

import re
from collections.abc import Collection

from rules.decision import CaseAction, NotifyAction
from rules.duration import spoken
from rules.problem import closest
from rules.reading import Reading

CHANNELS = ("push", "sms", "email", "webpush", "webhook", "inbox")
PLACEHOLDERS = ("device_id", "store_id", "customer_id", "case_id", "offer_code")
"""What a link may leave to be filled in when a message is worded, anywhere behind its host."""
_PLACEHOLDER = re.compile(r"\{(?:" + "|".join(PLACEHOLDERS) + r")\}")
_BEHIND_HOST = re.compile("[/?#]")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!-;=?-_a-z~]*)?")
PRIORITIES = ("low", "normal", "high", "urgent")
_UNANSWERED = "write unanswered: {case: {queue: support, priority: high}}"


def read_then(rule: Reading, known_templates: Collection[str] | None) -> tuple[CaseAction | None, NotifyAction | None]:
    """The actions of a rule; notes a problem for each thing that cannot be."""
    then = rule.mapping("then", "write then: {notify: {template: alert, channels: [push]}}")
    if then is None:
        return None, None
    then.only(("case", "notify"))
    return _read_case(then), _read_notify(then, known_templates)


def _read_case(then: Reading) -> CaseAction | None:
    if "case" in then and then.entries["case"].value is None:
        return CaseAction()
    case = then.mapping("case", "write case: {queue: cold-chain, priority: high}")
    if case is None:
        return None
    case.only(("queue", "priority"))
    defaults = CaseAction()
    queue = case.text("queue") or defaults.queue
    return CaseAction(queue=queue, priority=case.choice("priority", PRIORITIES) or defaults.priority)


def _read_notify(then: Reading, known_templates: Collection[str] | None) -> NotifyAction | None:
    notify = then.mapping("notify", "write notify: {template: alert, channels: [push, sms, email]}")
    if notify is None:
        return None
    notify.only(
        ("template", "channels", "escalate_after", "expires_after", "holdout", "link", "offer_code", "unanswered")
    )
    notify.need("template", "name the words to send: template: alert")
    template = notify.text("template")
    if template is not None and known_templates is not None and template not in known_templates:
        mend = closest(template, known_templates, f"templates: {', '.join(sorted(known_templates)) or 'none'}")
        notify.refuse("template", f"there is no template '{template}'", mend)
    action = NotifyAction(
        template=template or "",
        channels=notify.choices("channels", CHANNELS),
        escalate_after_ms=notify.duration("escalate_after"),
        expires_after_ms=notify.duration("expires_after"),
        holdout_percent=notify.percent("holdout") or 0.0,
        link=_read_link(notify),
        offer_code=_read_offer_code(notify),
        unanswered=_read_unanswered(notify),
    )
    _refuse_waiting_in_vain(notify, action)
    return action


def _read_unanswered(notify: Reading) -> CaseAction | None:
    unanswered = notify.mapping("unanswered", _UNANSWERED)
    if unanswered is None or not unanswered.need("case", _UNANSWERED):
        return None
    unanswered.only(("case",))
    return _read_case(unanswered)


def _refuse_waiting_in_vain(notify: Reading, action: NotifyAction) -> None:
    """An answer must be waited for, and the wait must end before the message is worth nothing."""
    if action.unanswered is None:
        return
    if "escalate_after" not in notify:
        message = "'unanswered' needs 'escalate_after': how long an answer is waited for on each channel"
        notify.refuse("unanswered", message, "write escalate_after: 15m beside it", at_key=True)
    elif action.escalate_after_ms is not None and action.expires_after_ms is not None:
        longest = action.escalate_after_ms * max(1, len(action.channels))
        if action.expires_after_ms <= longest:
            message = f"the message expires before {spoken(longest)} without an answer have passed: no case ever opens"
            mend = f"write an expires_after longer than {spoken(longest)}, or a shorter escalate_after"
            notify.refuse("expires_after", message, mend)


def _read_offer_code(notify: Reading) -> bool:
    node = notify.entries.get("offer_code")
    if node is None or isinstance(node.value, bool):
        return node is not None and bool(node.value)
    notify.refuse("offer_code", f"'offer_code' must be true or false, not '{node.text}'", "write offer_code: true")
    return False


def _read_link(notify: Reading) -> str:
    link = notify.text("link")
    if link is None:
        return ""
    host = _BEHIND_HOST.split(link.partition("://")[2], maxsplit=1)[0]
    if _ADDRESS.fullmatch(_PLACEHOLDER.sub("x", link)) is None or "{" in host:
        mend = f"write link: https://shop.example/parts/{{device_id}}; braces may hold {', '.join(PLACEHOLDERS)}"
        notify.refuse("link", "'link' must be an http or https address", mend)
    return link
