"""Takes in what comes back for mails: bounces and complaints, each proved by the envelope sender that we signed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine

from gateway.delivery import evidence
from gateway.delivery.links import LinkError, Links
from notifiers.email.reports import Report, read_report

log = structlog.get_logger()

RETURNED = Counter("kizashi_returned_mail", "Mails that came to the bounce mailbox", ["verdict"])


class Verdict(StrEnum):
    """What became of a mail that came back."""

    TAKEN = "taken"
    """It is a report on a message of ours, and is on record (again changes nothing)."""
    NO_REPORT = "no_report"
    """An automatic answer, a reply, anything else: nothing was changed."""
    NOT_OURS = "not_ours"
    """A report that came to no address that we signed: forged, or for somebody else. Nothing was changed."""
    GONE = "gone"
    """The message is no more on record; its customer was erased."""


def take(engine: Engine, mail: bytes, links: Links, now: datetime) -> Verdict:
    """Apply one mail, in a transaction of its own.

    Args:
        engine: the database.
        mail: as it came, headers and all.
        links: the deployment's; without ``smtp.bounce_domain`` nothing is ours.
        now: UTC.
    """
    verdict = _taken(engine, mail, links, now)
    RETURNED.labels(verdict.value).inc()
    return verdict


def _taken(engine: Engine, mail: bytes, links: Links, now: datetime) -> Verdict:
    report = read_report(mail)
    if report is None:
        return Verdict.NO_REPORT
    message_id = _message_of(report, links)
    if message_id is None:
        log.warning("bounces.not_ours", kind=report.kind, status=report.status)
        return Verdict.NOT_OURS
    with engine.begin() as connection:
        known = evidence.mail_report(connection, message_id, report, now)
    log.info(
        "bounces.taken" if known else "bounces.gone", message_id=message_id, kind=report.kind, status=report.status
    )
    return Verdict.TAKEN if known else Verdict.GONE


def _message_of(report: Report, links: Links) -> str | None:
    for address in report.came_to:
        try:
            return links.read_bounce_address(address)
        except LinkError:
            continue
    return None
