"""The payee's own machine: it signs ahead what the tower asks for, and brings the bundle to it.

What is asked, signed, read, verified and taken is the house's own work from end to end; only that
it goes by a person's hand is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from simulation.holders import LATER, PAYEE, REGULAR
from simulation.host import PASSPHRASE, Host
from simulation.mandate import Mandate
from watchtower.cli.bundle_import import take_bundle
from watchtower.cli.uncovered import requests_of, standing_in
from watchtower.errors import WatchtowerError
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import FEES, presign
from watchtower.keys.vault import key_that_signs_for
from watchtower.store.database import Store
from watchtower.store.secrets import StoredKey
from watchtower.units import Drops

__all__ = ["sign_ahead"]

_AGAIN: Final = 4.0
_TRIES: Final = 5


async def sign_ahead(host: Host, mandate: Mandate, tell: Callable[[str], None]) -> None:
    """Have everything signed that is asked for, and imported; what fails is tried again."""
    for _ in range(_TRIES):
        try:
            told = await _once(host, mandate)
        except WatchtowerError as failure:
            tell(f"nothing was signed ahead: {failure}")
            await asyncio.sleep(_AGAIN)
            continue
        tell(told)
        host.changed()
        return


async def _once(host: Host, mandate: Mandate) -> str:
    path, driver = Path(host.settings.store), host.driver()
    entitled = mandate.entitled
    async with await Store.open(path, PASSPHRASE, patience=1.0, driver=driver) as store:
        standing = await standing_in(store, PAYEE.address)
        asked = requests_of(standing, count=entitled.tickets, fees=(), everything=False).requests
        if not asked:
            return "there is nothing to sign ahead"
        fees = [Drops(fee) for fee in entitled.fees] or FEES
        data = presign(asked, _key(mandate), fees=fees)
        done = await take_bundle(store, host.settings, read_bundle(data))
        async with store.read() as work:
            mandate.hold_ahead(await work.bundles.of_account(PAYEE.address))
    return f"{len(done.covered)} channels are signed for ahead, {done.kept} anew"


def _key(mandate: Mandate) -> StoredKey:
    """Return the key that signs ahead: of the regular ones, the one that the ledger names."""
    if mandate.entitled.signs_ahead == "master":
        return key_that_signs_for(PAYEE.address, PAYEE.seed)
    named = mandate.root().get("RegularKey")
    person = next((one for one in LATER if one.address == named), REGULAR)
    return key_that_signs_for(PAYEE.address, person.seed, regular_key=True)
