"""Templates: what they would say, and a test to an address of one's own."""

from __future__ import annotations

import math

import structlog
from fastapi import APIRouter

from gateway.api.access import Caller
from gateway.api.context import Api, Here, Who
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.templates import (
    FaultAnswer,
    PreviewAnswer,
    PreviewBody,
    SendTestAnswer,
    SendTestBody,
    TemplateAnswer,
    TemplateFolderAnswer,
    TemplatesAnswer,
)
from gateway.delivery import template_events
from gateway.delivery.template_events import NothingThereError
from gateway.delivery.trial_sends import AddressError, TooManyTestsError, said
from gateway.storage import template_sets
from notifiers.outcome import Accepted
from notifiers.templates import Preview, TemplateError, UnknownTemplateError, preview

_log = structlog.get_logger(__name__)

router = APIRouter(prefix="/v1/templates", tags=["templates"])


@router.get("")
def list_templates(api: Here) -> TemplatesAnswer:
    """Every template with its channels and languages, and what is wrong with the files."""
    texts = api.texts
    with api.engine.connect() as connection:
        folder = template_sets.folder(connection)
    return TemplatesAnswer(
        version=texts.version,
        folder=None if folder is None else TemplateFolderAnswer.of(folder),
        items=[TemplateAnswer.of(texts, name) for name in sorted(texts.names())],
        problems=[FaultAnswer.of(each) for each in texts.check()],
        warnings=[FaultAnswer.of(each) for each in texts.warnings()],
    )


@router.post("/{name}/preview")
def preview_template(api: Here, name: str, body: PreviewBody) -> PreviewAnswer:
    """What a text would say and cost, with a made-up event or a decision that was made; nothing is sent."""
    return PreviewAnswer.of(shown(api, name, body))


@router.post("/{name}/send-test")
def send_test(api: Here, who: Who, name: str, body: SendTestBody) -> SendTestAnswer:
    """Send a text to one address, marked as a test. No contact comes of it, and no more than a few go out a minute."""
    return sent(api, who, name, body)


def shown(api: Api, name: str, body: PreviewBody) -> Preview:
    """The preview that ``body`` asks for.

    Raises:
        Problem: 404, no such template, decision or customer; 422, it cannot be rendered, and why.
    """
    try:
        with api.engine.connect() as connection:
            context = template_events.event(
                connection,
                body.example,
                body.language or "en",
                decision_id=body.decision_id,
                customer_id=body.customer_id,
            )
            price = template_events.sms_price(connection, api.policy.money, body.customer_id)
    except NothingThereError as error:
        raise not_found(error.what, error.name) from error
    real = body.customer_id is not None or body.decision_id is not None
    locale = body.language or (str(context["customer"]["locale"]) if real else "") or "en"
    try:
        return preview(api.texts, name, body.channel, locale, context, price)
    except UnknownTemplateError as error:
        raise Problem(404, f"{error}.") from error
    except TemplateError as error:
        raise Problem(422, f"{error}.") from error


def sent(api: Api, who: Caller, name: str, body: SendTestBody) -> SendTestAnswer:
    """Send it.

    Raises:
        Problem: as ``shown``; 422, no such address; 429, too many of late.
    """
    seen = shown(api, name, body)
    try:
        outcome = api.trials.send(seen, body.to)
    except AddressError as error:
        raise Problem(422, f"{error}.") from error
    except TooManyTestsError as error:
        wait = {"Retry-After": str(math.ceil(error.after_s))}
        raise Problem(429, f"{error}.", headers=wait) from error
    what = type(outcome).__name__.lower()
    _log.info("template.test_sent", template=name, channel=seen.channel, key=who.key_id, outcome=what)
    return SendTestAnswer(sent=isinstance(outcome, Accepted), outcome=said(outcome), to=body.to)
