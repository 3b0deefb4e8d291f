"""Devices and their credentials."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from devices.identity import is_device_id
from gateway.api.shapes.plain import Id, Line, Object, Shape, Tag, Utc, Writable
from gateway.storage.devices import Device


def _device_id(text: str) -> str:
    if not is_device_id(text):
        raise ValueError(
            "cannot name a device: use 1 to 128 letters, digits, '_', ':', '@' or '-', beginning with a letter or digit"
        )
    return text


DeviceId = Annotated[str, AfterValidator(_device_id)]


class DeviceBody(Writable):
    """A device as it is put."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "chiller-3000",
                    "profile": "chiller",
                    "owner": "aiko",
                    "store": None,
                    "tags": ["kitchen"],
                    "attributes": {"installed": "2025-06-01"},
                }
            ]
        }
    )

    model: Line = ""
    profile: Line = ""
    owner: Id | None = Field(default=None, description="A customer's id.")
    store: Id | None = Field(default=None, description="A store's id.")
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    attributes: Object = Field(default_factory=dict)

    def to_device(self, device_id: str) -> Device:
        """As the storage takes it."""
        return Device(
            id=device_id,
            model=self.model,
            profile=self.profile,
            owner=self.owner,
            store=self.store,
            tags=list(self.tags),
            attributes=self.attributes,
        )


class DeviceAnswer(Shape):
    """A device as it is given. ``logged``: the rules know this version."""

    id: str
    model: str
    profile: str
    owner: str | None
    store: str | None
    tags: list[str]
    attributes: dict[str, Any]
    logged: bool
    created_at: Utc | None
    updated_at: Utc | None


class DevicePage(Shape):
    """Devices, by id."""

    items: list[DeviceAnswer]
    next: str | None


class CredentialAnswer(Shape):
    """What the device shows to the broker. The password is shown this once."""

    username: str
    password: str
