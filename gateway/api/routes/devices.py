"""Devices and what they show to the broker."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.api.context import Cursor, Here, Limit
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.device import CredentialAnswer, DeviceAnswer, DeviceBody, DeviceId, DevicePage
from gateway.api.shapes.plain import Id, Line
from gateway.storage import credentials, customers, devices, stores

router = APIRouter(prefix="/v1/devices", tags=["devices"])


@router.get("")
def list_devices(
    api: Here, cursor: Cursor = None, limit: Limit = 50, owner: Id | None = None, search: Annotated[Line, Query()] = ""
) -> DevicePage:
    """Devices by id; only those of `owner`, where given."""
    with api.engine.connect() as connection:
        return DevicePage.model_validate(
            devices.page(connection, cursor=cursor, limit=limit, owner=owner, search=search), from_attributes=True
        )


@router.get("/{device_id}")
def get_device(api: Here, device_id: DeviceId) -> DeviceAnswer:
    """One device. `logged` says whether the rules know this version."""
    with api.engine.connect() as connection:
        found = devices.get(connection, device_id)
    if found is None:
        raise not_found("device", device_id)
    return DeviceAnswer.model_validate(found)


@router.put("/{device_id}")
def put_device(api: Here, device_id: DeviceId, body: DeviceBody, response: Response) -> DeviceAnswer:
    """Write the whole device, new (201) or not (200). Rules know it when the answer says `logged`."""
    feed = api.feed
    with api.engine.begin() as connection:
        if body.owner is not None and customers.get(connection, body.owner) is None:
            raise Problem(422, f"owner: there is no customer {body.owner!r}; put the customer first.")
        if body.store is not None and stores.get(connection, body.store) is None:
            raise Problem(422, f"store: there is no store {body.store!r}; put the store first.")
        new = devices.put(connection, body.to_device(device_id))
    feed.publish_device(device_id)
    response.status_code = 201 if new else 200
    return get_device(api, device_id)


@router.post("/{device_id}/credentials", status_code=201)
def rotate_credentials(api: Here, device_id: DeviceId) -> CredentialAnswer:
    """Make a new password; the one before stops working. It is shown this once."""
    with api.engine.begin() as connection:
        if devices.get(connection, device_id) is None:
            raise not_found("device", device_id)
        return CredentialAnswer.model_validate(credentials.rotate(connection, device_id))
