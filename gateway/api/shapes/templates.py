"""Templates: what there is, previews, and tests to an address of one's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.api.shapes.plain import Id, Locale, Shape, Text, Utc
from gateway.storage.template_sets import Folder
from notifiers.templates import Preview, Templates
from notifiers.templates import Problem as Fault

MAX_ADDRESS = 5_000
"""Characters; the longest is a browser's subscription."""
TemplateChannel = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,31}$")]


class TextAnswer(Shape):
    """One channel of a template and the languages that it speaks there."""

    channel: str
    languages: list[str]


class TemplateAnswer(Shape):
    """A template that rules may name."""

    name: str
    texts: list[TextAnswer]

    @classmethod
    def of(cls, templates: Templates, name: str) -> TemplateAnswer:
        """What ``templates`` has under ``name``."""
        texts = [
            TextAnswer(channel=channel, languages=list(templates.languages(name, channel)))
            for channel in sorted(templates.channels(name))
        ]
        return cls(name=name, texts=texts)


class FaultAnswer(Shape):
    """Something in a file that should be mended."""

    file: str
    line: int | None
    message: str

    @classmethod
    def of(cls, fault: Fault) -> FaultAnswer:
        """As it was found."""
        return cls(file=fault.file, line=fault.line, message=fault.message)


class TemplateFolderAnswer(Shape):
    """What was last made of `templates.dir`. Where it can't be used, `problems` says why, and the texts before hold."""

    place: str
    looked_at: Utc
    problems: list[FaultAnswer]

    @classmethod
    def of(cls, folder: Folder) -> TemplateFolderAnswer:
        """As it was last looked at."""
        problems = [FaultAnswer.of(each) for each in folder.problems]
        return cls(place=folder.place, looked_at=folder.looked_at, problems=problems)


class TemplatesAnswer(Shape):
    """All that hold, what is wrong with them, and what was last made of `templates.dir`, if that is set."""

    version: str = Field(description="Of all files in force. A message's `queued` entry names that which worded it.")
    items: list[TemplateAnswer]
    problems: list[FaultAnswer]
    warnings: list[FaultAnswer]
    folder: TemplateFolderAnswer | None = None


class PreviewBody(Shape):
    """Which text, and about what. Without a decision it is a made-up event."""

    channel: TemplateChannel
    language: Locale | None = Field(None, description="The reader's; left out: the customer's own, else `en`.")
    example: Literal["example", "long", "spare"] = Field(
        "example", description="`long`: long names; `spare`: nothing that may be left out."
    )
    decision_id: Id | None = None
    customer_id: Id | None = None


class SendTestBody(PreviewBody):
    """A preview, and where to send it."""

    to: Annotated[
        Text,
        Field(
            max_length=MAX_ADDRESS,
            description="A token, a number in E.164, a mailbox or a browser's subscription as JSON.",
        ),
    ]


class SmsSizeAnswer(Shape):
    """How an operator counts the text."""

    encoding: Literal["gsm-7", "ucs-2"]
    units: int
    segments: int
    forcing: list[str]
    cost: float | None


class PushSizeAnswer(Shape):
    """Bytes of the payload, and how many FCM or a browser's push service takes."""

    bytes: int
    limit: int


class PreviewAnswer(Shape):
    """The text as it would be sent."""

    template: str
    channel: str
    text_of: str = Field(description="The channel whose text it is: `webpush` borrows that of `push`, for example.")
    locale: str
    title: str
    text: str
    html: str | None
    sms: SmsSizeAnswer | None
    push: PushSizeAnswer | None
    warnings: list[str]

    @classmethod
    def of(cls, shown: Preview) -> PreviewAnswer:
        """As it was rendered."""
        return cls.model_validate(shown, from_attributes=True)


class SendTestAnswer(Shape):
    """What the provider said."""

    sent: bool
    outcome: str
    to: str
