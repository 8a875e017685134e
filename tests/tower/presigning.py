"""A tower that holds no key: its payee signs ahead of need, elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, Stage
from watchtower.cli.bundle_import import Covered, take_bundle
from watchtower.cli.uncovered import requests_of, standing_in
from watchtower.errors import PresignError
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import FEES, PresignRequest, presign
from watchtower.keys.vault import key_that_signs_for
from watchtower.response.attempt import Attempt
from watchtower.sandbox.people import Person
from watchtower.settings import TicketSettings
from watchtower.store.database import Store
from watchtower.units import Drops

NO_POOL = TicketSettings(pool=0, low_water=0)


async def without_key(stage: Stage, folder: Path) -> None:
    """Have the towers to come run on a store in which there is no key at all."""
    store = folder / "keyless.db"
    stage.with_settings(store=str(store), tickets=NO_POOL)
    await (await Store.create(store, PASSPHRASE, cost=CHEAP)).close()


async def make_tickets(stage: Stage, count: int) -> list[int]:
    """The payee makes tickets with its own wallet."""
    await stage.hand.submit({"TransactionType": "TicketCreate", "TicketCount": count}, stage.payee)
    await stage.sandbox.accept()
    return await stage.tickets()


async def asked_for(stage: Stage, *, count: int = 2) -> tuple[PresignRequest, ...]:
    """What the tower asks its payee to sign, once the daemon has read the tickets."""
    found: list[PresignRequest] = []

    async def told() -> bool:
        async with stage.store() as store:
            try:
                standing = await standing_in(store, stage.payee.address)
            except PresignError:
                return False
        asked = requests_of(standing, count=count, fees=(), everything=False)
        found[:] = [one for one in asked.requests if len(one.tickets) == count]
        return bool(found)

    await stage.until(told)
    return tuple(found)


def signed(
    requests: Sequence[PresignRequest],
    person: Person,
    *,
    fees: Sequence[int] = FEES,
    regular_key: bool = False,
) -> bytes:
    """What the payee's own machine makes of it; with another person's key, if that is its own."""
    key = key_that_signs_for(requests[0].account, person.seed, regular_key=regular_key)
    return presign(requests, key, fees=[Drops(fee) for fee in fees])


async def imported(stage: Stage, data: bytes) -> Covered:
    """Take the bundle, as ``watchtower authority import`` does."""
    async with stage.store() as store:
        return await take_bundle(store, stage.settings, read_bundle(data))


async def attempts(stage: Stage) -> list[Attempt]:
    """Every attempt that the store has, in the order in which they were made."""
    async with stage.store() as store, store.read() as work:
        return await work.attempts.load_all()
