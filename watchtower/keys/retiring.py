"""Retiring a key: it is removed from the vault, unless something still depends on it.

What depends on it is looked up in the transaction that removes it, and the removal stands in the
journal. A key that is the only one with which something at stake can be redeemed stays, unless
somebody says so in so many words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from watchtower.errors import KeyMissingError, KeyNeededError
from watchtower.judgement.stake import at_stake
from watchtower.keys.vault import KeyCard, card_of
from watchtower.store.database import Store
from watchtower.store.secrets import Standing
from watchtower.store.work import Work
from watchtower.units import Address, Drops, format_drops

__all__ = ["Dependants", "dependants_of", "retire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependants:
    """What depends on one key of an account.

    Attributes:
        key: which one.
        channels: open channels that pay, or are paid by, the account, or those that it signs for.
        at_stake: what the best claims on them are unpaid, in drops.
        attempts: transactions on their way that one of these accounts sent.
        rotation: whether a rotation of the account is under way.
    """

    key: KeyCard
    channels: int
    at_stake: Drops
    attempts: int
    rotation: bool

    @property
    def why_needed(self) -> str | None:
        """Why the key must stay; None if nothing depends on it."""
        if self.rotation:
            return (
                "a rotation is under way; finish it with `watchtower key rotate --account "
                f"{self.key.account} --resume`, or give it up with --abandon"
            )
        if self.key.standing is not Standing.SIGNS:
            return None
        if self.at_stake:
            return (
                f"without it nobody here redeems {format_drops(self.at_stake)} on "
                f"{self.channels} open channels; redeem or rotate first, or say --anyway"
            )
        if self.attempts:
            return f"{self.attempts} transactions are on their way; wait, or say --anyway"
        return None


async def dependants_of(
    store: Store,
    account: Address,
    public_key: str | None,
    *,
    signs_for: Collection[Address] = (),
) -> Dependants:
    """Return what depends on a key: the one that is named, or the one that signs.

    ``signs_for`` are the accounts for which it signs besides its own: as their delegate, or as one
    of their signer lists.

    Raises:
        KeyMissingError: there is no such key.
    """
    async with store.read() as work:
        return await _dependants(work, account, public_key, signs_for)


async def retire(
    store: Store,
    account: Address,
    public_key: str | None,
    *,
    anyway: bool = False,
    signs_for: Collection[Address] = (),
) -> Dependants:
    """Remove a key from the vault; return what depended on it.

    Raises:
        KeyMissingError: there is no such key.
        KeyNeededError: something depends on it, and ``anyway`` was not said; nothing was changed.
    """
    async with store.write() as work:
        found = await _dependants(work, account, public_key, signs_for)
        why = found.why_needed
        # A rotation keeps its keys whatever is said: it is given up by its own command.
        if why is not None and (found.rotation or not anyway):
            raise KeyNeededError(account=account, why=why)
        for key in await work.secrets.of_account(account):
            if key.public_key == found.key.public_key:
                await work.secrets.remove(key)
        facts = {
            "account": account,
            "public_key": found.key.public_key,
            "at_stake": found.at_stake,
            "channels": found.channels,
        }
        await work.journal.append("key_retired", facts=facts)
    return found


async def _dependants(
    work: Work, account: Address, public_key: str | None, signs_for: Collection[Address]
) -> Dependants:
    keys = await work.secrets.of_account(account)
    wanted = public_key or (keys[0].public_key if keys else None)
    key = next((key for key in keys if key.public_key == wanted), None)
    if key is None:
        raise KeyMissingError(account=account)
    accounts = {account, *signs_for}
    entries = [
        channel.entry
        for channel in await work.channels.load_open()
        if accounts & {channel.entry.source, channel.entry.destination}
    ]
    best = await work.claims.find([entry.channel for entry in entries])
    unpaid = sum(
        at_stake(entry, best.get(entry.channel))
        for entry in entries
        if entry.destination in accounts
    )
    unsettled = await work.attempts.unsettled()
    rotation = await work.rotations.get(account)
    return Dependants(
        key=card_of(key),
        channels=len(entries),
        at_stake=Drops(unpaid),
        attempts=sum(attempt.account in accounts for attempt in unsettled),
        rotation=rotation is not None and rotation.is_under_way,
    )
