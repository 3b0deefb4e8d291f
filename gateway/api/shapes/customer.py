"""Customers, their consents and their touchpoints."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from gateway.api.shapes.plain import Channel, Id, Line, Locale, Object, Shape, Summary, TimeZone, Utc, Writable
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from notifiers import endpoint, subscription

_MAILBOX = r"^[^\s@<>,;:\"\\()\[\]\x00-\x1f\x7f]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$"


def _number(text: str) -> str:
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a number in international form; write it as in +81901234567") from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValueError("no such number can exist: too long or too short for its country")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _endpoint(url: str) -> str:
    fault = endpoint.fault_of(url)
    if fault is not None:
        raise ValueError(f"the URL {fault}")
    return url


def _tokens(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _subscriptions(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


def _once(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) != len(channels):
        raise ValueError("names a channel twice")
    return channels


Token = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]
Number = Annotated[str, AfterValidator(_number)]
Mailbox = Annotated[str, StringConstraints(pattern=_MAILBOX, max_length=320)]


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class SubscriptionKeys(BaseModel):
    """With which only the browser can read what it is sent; base64url."""

    p256dh: str
    auth: str


class Subscription(BaseModel):
    """A browser, as its ``PushSubscription.toJSON()`` says it; what else that may say one day is passed over."""

    endpoint: Annotated[str, StringConstraints(max_length=endpoint.MAX_URL)]
    expirationTime: float | None = Field(default=None, description="As the browser says it; not used.")  # noqa: N815
    keys: SubscriptionKeys

    @model_validator(mode="after")
    def _can_be_one(self) -> Self:
        try:
            subscription.read(self.model_dump_json())
        except subscription.SubscriptionError as error:
            raise ValueError(f"the subscription {error}") from error
        return self


class Addresses(Shape):
    """How the customer can be reached; leave out what they have not got."""

    push: Annotated[list[Token], BeforeValidator(_tokens), Field(max_length=20)] = Field(default_factory=list)
    sms: Number | None = None
    email: Mailbox | None = None
    webpush: Annotated[list[Subscription], BeforeValidator(_subscriptions), Field(max_length=20)] = Field(
        default_factory=list
    )
    webhook: Endpoint | None = None

    def stored(self) -> dict[str, Any]:
        """Without the channels that have no address."""
        return {name: value for name, value in self.model_dump(exclude_none=True).items() if value}


class CustomerBody(Writable):
    """A customer as it is put."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Aiko Tanaka",
                    "locale": "ja",
                    "time_zone": "Asia/Tokyo",
                    "addresses": {"push": ["fcm-token-1"], "sms": "+819012345678", "email": "aiko@example.com"},
                    "preferred_channels": ["push", "sms", "email"],
                    "attributes": {"tier": "gold"},
                }
            ]
        }
    )

    name: Line = ""
    locale: Locale = "en"
    time_zone: TimeZone = "UTC"
    addresses: Addresses = Addresses()
    preferred_channels: Annotated[list[Channel], AfterValidator(_once)] = Field(default_factory=list)
    attributes: Object = Field(default_factory=dict)

    def to_customer(self, customer_id: str) -> Customer:
        """As the storage takes it."""
        return Customer(
            id=customer_id,
            name=self.name,
            locale=self.locale,
            time_zone=self.time_zone,
            addresses=self.addresses.stored(),
            preferred_channels=list(self.preferred_channels),
            attributes=self.attributes,
        )


class CustomerAnswer(Shape):
    """A customer as it is given."""

    id: str
    name: str
    locale: str
    time_zone: str
    addresses: dict[str, Any]
    preferred_channels: list[str]
    attributes: dict[str, Any]
    created_at: Utc | None
    updated_at: Utc | None


class CustomerPage(Shape):
    """Customers, by id."""

    items: list[CustomerAnswer]
    next: str | None


Purpose = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class ConsentsBody(Shape):
    """Purpose to channel to yes or no, and where the customer said so. It replaces everything said before."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "maintenance": {"push": True, "sms": True, "email": True},
                    "offers": {"push": True, "sms": False},
                    "source": "sign-up form",
                }
            ]
        },
    )
    __pydantic_extra__: dict[Purpose, dict[Channel, bool]] = Field(init=False)

    source: Line = ""
    at: Utc | None = Field(
        default=None,
        description="When they said so; left out: now. What the customer took back themselves since then stays so.",
    )

    def to_consents(self) -> Consents:
        """As the storage takes it."""
        return Consents(
            {
                purpose: {str(channel): said for channel, said in by.items()}
                for purpose, by in self.__pydantic_extra__.items()
            },
            self.source,
            self.at,
        )

    @classmethod
    def of(cls, stated: Consents) -> ConsentsBody:
        """As the API gives it."""
        return cls.model_validate({**stated.granted, "source": stated.source, "at": stated.at})


class TouchpointBody(Shape):
    """Something another system knows: an order, a call, a visit, a note."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "order-10442",
                    "kind": "order",
                    "at": "2026-03-01T09:30:00Z",
                    "summary": "Ordered a set of filters",
                    "detail": {"total": "48.00 EUR"},
                }
            ]
        }
    )

    id: Id | None = Field(default=None, description="Your own id: sending it again changes nothing.")
    kind: Literal["order", "call", "visit", "note"]
    at: Utc | None = Field(default=None, description="When it happened; left out: now.")
    summary: Summary
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    direction: Literal["in", "out"] | None = None
    device_id: Id | None = None
    store_id: Id | None = None
    detail: Object = Field(default_factory=dict)


class EntryAnswer(Shape):
    """One entry of a customer's timeline."""

    id: str
    at: Utc
    kind: str
    channel: str | None
    direction: str | None
    summary: str
    device_id: str | None
    store_id: str | None
    rule_id: str | None
    decision_id: str | None
    message_id: str | None
    case_id: str | None
    reason: str | None
    detail: dict[str, Any]


class TimelinePage(Shape):
    """A customer's timeline, newest first."""

    items: list[EntryAnswer]
    next: str | None
