"""Who could act for the payee at a moment: by the ledger's own entries, and by what the tower has.

It is what the oracle is told of rights. Nothing of it is what the tower believes: keys are compared
with what the last ledger names, tickets and permissions are looked up there, and of co-signers it
is known how they do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from simulation.entitlement import Entitlement
from simulation.founding import keys_in_store
from simulation.holders import PAYEE, TOWER
from simulation.land import Land
from simulation.oracle import Ahead, Signer
from watchtower.response.bundle import Presigned
from watchtower.sandbox.hashing import (
    account_index,
    address_of_key,
    delegate_index,
    signer_list_index,
    ticket_index,
)
from watchtower.units import DROPS_PER_XRP, Address

__all__ = ["Mandate"]

_DISABLE_MASTER: Final = 0x00100000
_ENOUGH: Final = 40 * DROPS_PER_XRP
"""Drops that fees do not use up in any world, whatever they are; with less nothing is demanded."""

_SIGNATURES: Final = 2


class Mandate:
    """What can act for the payee of one world.

    Attributes:
        held: the addresses of the payee's keys that are in the tower's store.
        imported: every transaction that was signed ahead and imported, ever; as blobs.
        named: every key that the payee, or its rotations, ever named.
        well: tells which co-signers do as they should.
    """

    def __init__(self, land: Land, entitled: Entitlement) -> None:
        """Begin with what the store has at first."""
        self.entitled = entitled
        self.imported: set[str] = set()
        self.named: set[Address] = set()
        self.well: Callable[[], Collection[int]] = tuple
        self.held = {
            person.address
            for account, person in keys_in_store(entitled).items()
            if account == PAYEE.address
        }
        self._land = land
        self._ahead: dict[str, list[Presigned]] = {}

    def hold_ahead(self, presigned: Iterable[Presigned]) -> None:
        """Take note of all that the tower's store has now of what was signed ahead."""
        found: defaultdict[str, list[Presigned]] = defaultdict(list)
        for each in presigned:
            found[each.channel].append(each)
            self.imported.update(level.blob for level in each.levels)
        self._ahead = dict(found)

    def tickets_of(self, channel: str) -> list[int]:
        """Return the tickets that stand for a channel and are there still."""
        numbers = {each.ticket for each in self._ahead.get(channel, ())}
        return sorted(number for number in numbers if self._has_ticket(number))

    def root(self) -> Mapping[str, Any]:
        """Return the payee's account as the last ledger left it."""
        return self._land.raw(account_index(PAYEE.address)) or {}

    def signers(self) -> frozenset[Signer]:
        """Return who could sign fresh transactions now."""
        has, root = self.entitled.has, self.root()
        found: list[Signer] = []
        if int(root.get("Balance", 0)) >= _ENOUGH:
            named = root.get("RegularKey")
            if has("regular_key") and named in self.held:
                found.append(Signer(name=f"regular key {named}"))
            is_disabled = root["Flags"] & _DISABLE_MASTER
            if has("master_key") and PAYEE.address in self.held and not is_disabled:
                found.append(Signer(name="master key"))
            well = sorted(self.well())
            if has("signer_list") and well and self._has_signers():
                found += [
                    Signer(
                        name=f"signer list, with {one}",
                        units=1 + _SIGNATURES,
                    )
                    for one in well
                ]
        if has("delegated") and self._is_permitted():
            found.append(Signer(name="delegate"))
        return frozenset(found)

    def ahead(self) -> Mapping[str, frozenset[Ahead]]:
        """Return what was signed ahead and would be good now, by channel."""
        if not self._ahead:
            return {}
        root = self.root()
        good = {root.get("RegularKey")}
        if not root["Flags"] & _DISABLE_MASTER:
            good.add(PAYEE.address)
        return {
            channel: frozenset(
                Ahead(
                    target=each.target,
                    ticket=each.ticket,
                    key=each.signing_key,
                    fees=tuple(level.fee for level in each.levels),
                )
                for each in presigned
                if address_of_key(each.signing_key) in good and self._has_ticket(each.ticket)
            )
            for channel, presigned in self._ahead.items()
        }

    def most(self, channel: str, amount: int) -> int:
        """Return how much of an amount could be redeemed by whoever can act now."""
        if self.signers():
            return amount
        targets = (each.target for each in self.ahead().get(channel, ()))
        return min(amount, max(targets, default=0))

    def _has_ticket(self, number: int) -> bool:
        return self._land.raw(ticket_index(PAYEE.address, number)) is not None

    def _has_signers(self) -> bool:
        return self._land.raw(signer_list_index(PAYEE.address)) is not None

    def _is_permitted(self) -> bool:
        permits = self._land.raw(delegate_index(PAYEE.address, TOWER.address))
        tower = self._land.raw(account_index(TOWER.address))
        return permits is not None and tower is not None and int(tower["Balance"]) >= _ENOUGH
