"""Those who sign with us, and those for whom we sign: made of the settings, and knowing everybody.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchtower.alerts.desk import Desk
from watchtower.claims.door import Door
from watchtower.cosigner_settings import CosignerSettings
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.keys.cosigned import CosignedHand
from watchtower.keys.cosigner import Cosigner
from watchtower.keys.cosigning import CosignPolicy
from watchtower.keys.persons import People
from watchtower.keys.remote_own import RemoteShare
from watchtower.keys.share import OwnShare
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Vault
from watchtower.ledger.events import ChannelEntry, SignerList
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.tower.cosign_sight import CosignSight
from watchtower.tower.cosigners import CosignerCare
from watchtower.tower.locksmith import SignerCare
from watchtower.tower.lookout import Lookout
from watchtower.tower.tower import Tower
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport

    from watchtower.keys.asking import TowerCosigner

__all__ = ["cosigned_hand", "cosigner_of"]

_LEEWAY: Final = 24
"""Ledgers by which another tower's last ledgers may be further ahead than our own."""


def cosigned_hand(
    stack: AsyncExitStack,
    settings: Settings,
    store: Store,
    watch: Watch,
    desk: Desk,
    *,
    line: SignerLine | None = None,
    transport: AsyncBaseTransport | None = None,
) -> CosignedHand | None:
    """Return the hand of signer lists; None where we are in none.

    With ``line`` the key of our own share is with a signer apart. ``transport`` is the machine's
    way to the others, where that is not by sockets of its own.

    Raises:
        ConfigError: a file that is needed for one of the co-signers cannot be used.
    """
    authority = settings.authority
    if not authority.signer:
        return None
    patience = authority.cosign_seconds
    towers = [
        _tower(one, stack, patience=patience, transport=transport)
        for one in authority.cosigners
        if not one.is_person
    ]
    share, care = _share(settings, store, line, desk), CosignerCare(desk)
    hand = CosignedHand(
        share,
        towers,
        persons=_people(settings, share, store, watch, care),
        payees=settings.payees,
        fee_cap=Drops(settings.fees.cap_drops),
        signers_of=lambda account: _signers_of(watch, account),
        store=store,
        care=care,
        patience=patience,
    )
    # Behind the hand, which may still be listening, its connections are closed.
    stack.push_async_callback(hand.close)
    return hand


def cosigner_of(
    settings: Settings,
    store: Store,
    servers: Servers,
    *,
    tower: Tower,
    lookout: Lookout,
    door: Door,
    line: SignerLine | None = None,
    desk: Desk | None = None,
) -> Cosigner | None:
    """Return who signs for other towers; None where nobody is to."""
    authority, fees = settings.authority, settings.fees
    if not authority.cosign:
        return None

    def policy() -> CosignPolicy:
        return CosignPolicy(
            payees=settings.payees,
            fee_cap=Drops(fees.cap_drops),
            daily_cap=Drops(fees.daily_cap_drops),
            most_ledgers=fees.last_ledger_offset + _LEEWAY,
            network_id=servers.network_id or 0,
        )

    async def keep(claims: Sequence[Claim]) -> None:
        await door.take(claims)

    return Cosigner(
        _share(settings, store, line, desk),
        CosignSight(tower, lookout),
        store=store,
        policy=policy,
        keep=keep,
    )


def _share(
    settings: Settings, store: Store, line: SignerLine | None, desk: Desk | None
) -> OwnShare | RemoteShare:
    """Return our own part in signer lists: by the key that is here, or with a signer apart."""
    account = Address(settings.authority.signer)
    if line is None:
        return OwnShare(account, Vault(store))
    care = None if desk is None else SignerCare(line.path, desk)
    return RemoteShare(account, line, care=care)


def _tower(
    one: CosignerSettings,
    stack: AsyncExitStack,
    *,
    patience: float,
    transport: AsyncBaseTransport | None,
) -> TowerCosigner:
    # Only who asks others pays for what it takes to.
    from watchtower.keys.asking import CosignerPlace, TowerCosigner  # noqa: PLC0415

    place = CosignerPlace(
        account=Address(one.account),
        public_key=one.public_key,
        url=one.url,
        authority=_path(one.ca_file),
        certificate=_path(one.certificate_file),
        key=_path(one.key_file),
        token=_path(one.token_file),
    )
    tower = TowerCosigner(place, patience=patience, transport=transport)
    stack.push_async_callback(tower.close)
    return tower


def _path(given: str) -> Path | None:
    return Path(given) if given else None


def _people(
    settings: Settings,
    share: OwnShare | RemoteShare,
    store: Store,
    watch: Watch,
    care: CosignerCare,
) -> People | None:
    keys: Mapping[Address, str] = {
        Address(one.account): one.public_key
        for one in settings.authority.cosigners
        if one.is_person
    }
    if not keys:
        return None

    def entry_of(channel: ChannelId) -> ChannelEntry | None:
        known = watch.channels.get(channel)
        return None if known is None else known.entry

    def validated() -> LedgerIndex | None:
        return None if watch.newest is None else watch.newest.ledger_index

    return People(
        keys,
        share,
        store=store,
        entry_of=entry_of,
        validated=validated,
        ledgers=settings.authority.person_ledgers,
        tell=care.waits,
    )


def _signers_of(watch: Watch, account: Address) -> SignerList | None:
    estate = watch.estates.get(account)
    return None if estate is None else estate.signers
