"""Stores and their geofences."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.api.context import Cursor, Here, Limit
from gateway.api.problems import not_found
from gateway.api.shapes.plain import Id
from gateway.api.shapes.store import StoreAnswer, StoreBody, StorePage
from gateway.storage import stores

router = APIRouter(prefix="/v1/stores", tags=["stores"])


@router.get("")
def list_stores(api: Here, cursor: Cursor = None, limit: Limit = 50) -> StorePage:
    """Stores by id."""
    with api.engine.connect() as connection:
        return StorePage.model_validate(stores.page(connection, cursor=cursor, limit=limit), from_attributes=True)


@router.get("/{store_id}")
def get_store(api: Here, store_id: Id) -> StoreAnswer:
    """One store. `logged` says whether the rules know this version."""
    with api.engine.connect() as connection:
        found = stores.get(connection, store_id)
    if found is None:
        raise not_found("store", store_id)
    return StoreAnswer.model_validate(found)


@router.put("/{store_id}")
def put_store(api: Here, store_id: Id, body: StoreBody, response: Response) -> StoreAnswer:
    """Write the whole store, new (201) or not (200). Rules know it when the answer says `logged`."""
    feed = api.feed
    with api.engine.begin() as connection:
        new = stores.put(connection, body.to_store(store_id))
    feed.publish_store(store_id)
    response.status_code = 201 if new else 200
    return get_store(api, store_id)
