"""Looking at every head that is kept of the store, now; nothing is published, and none is accepted.

A place that does not answer is waited for a little and no longer, so that the looks at the store
behind this one have their time. Of a head that was found to speak against the store before, what
was found then is told, for it stands until a person has accepted it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from watchtower.doctor.of_heads import HeadFacts
from watchtower.errors import WatchtowerError
from watchtower.heads import head_keeper, places_of
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.head_looks import Look
from watchtower.tower.head_watch import alarm_of

__all__ = ["look_at_heads"]

_PURPOSE = "doctor"
"""What it is called at the broker beside the daemon's own connection, which it would end."""


async def look_at_heads(
    store: Store,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    is_offline: bool,
    within: float,
) -> list[HeadFacts]:
    """Return how the store stands to each head, and to those that were found before.

    Args:
        store: whose heads.
        settings: where they are kept.
        environment: where credentials are named.
        is_offline: whether only those in files are looked at.
        within: seconds that the places have, all at once.

    Raises:
        StoreError: the store cannot be read.
    """
    if is_offline:
        here = msgspec.structs.replace(settings.head, mqtt=False, towers=())
        settings = msgspec.structs.replace(settings, head=here)
    noted = await head_keeper(store, []).troubles()
    found: list[Look] = []
    trouble: str | None = None
    try:
        async with (
            asyncio.timeout(within + 1),
            places_of(settings, environment, store, purpose=_PURPOSE) as places,
        ):
            keeper = head_keeper(store, places, patience=within)
            found += await asyncio.gather(*(keeper.look(place) for place in places))
    except TimeoutError:
        trouble = f"The heads of the store could not be looked at within {within:.0f} s."
    except WatchtowerError as wrong:
        trouble = str(wrong)
    looks = {look.place: look for look in found} | noted
    told = [_facts(look) for look in looks.values()]
    if trouble is not None:
        told.append(HeadFacts(place="", finding=None, sentence=trouble))
    return told


def _facts(look: Look) -> HeadFacts:
    return HeadFacts(place=look.place, finding=look.finding, sentence=alarm_of(look).sentence)
