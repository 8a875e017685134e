"""Claims of somebody who has a quota: all of them are kept, and those within it may be served."""

from __future__ import annotations

from collections.abc import Sequence

from watchtower.claims.answer import Answer
from watchtower.claims.decision import Standing
from watchtower.claims.door import Against, Door
from watchtower.claims.given import Given
from watchtower.claims.quota import Bucket
from watchtower.errors import DoorClosedError, StoreError

__all__ = ["check_within", "take_within"]


async def take_within(
    bucket: Bucket | None, claims: Sequence[Given], door: Door, now: float
) -> Sequence[Answer]:
    """Hand claims over, the first of them within what is left in ``bucket``; None is no quota.

    ``now`` is steady, in seconds. What could not be kept is not counted.

    Raises:
        StoreError: the store cannot be written; none of them was kept.
        DoorClosedError: the tower is stopping.
    """
    if bucket is None:
        return await door.take(claims)
    # Before anything is awaited: two callers with one token must not both find the last place.
    within = bucket.take(len(claims), now)
    try:
        return await door.take(claims, against=_against(within, claims))
    except (StoreError, DoorClosedError):
        bucket.give_back(within)
        raise


async def check_within(
    bucket: Bucket | None, claims: Sequence[Given], door: Door, now: float
) -> Sequence[Answer]:
    """Answer as `take_within` would, and count nothing.

    Raises:
        StoreError: the store cannot be read.
        DoorClosedError: the tower is stopping.
    """
    if bucket is None:
        return await door.check(claims)
    return await door.check(claims, against=_against(bucket.left(now), claims))


def _against(within: int, claims: Sequence[Given]) -> Against:
    return [None if place < within else Standing.QUOTA for place in range(len(claims))]
