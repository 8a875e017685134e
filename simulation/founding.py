"""What the payee has set up before the tower comes: keys, signers, a delegate, tickets.

All of it is done by the payee's own master key, in the ledgers before the script begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from simulation.entitlement import Entitlement
from simulation.holders import COSIGNERS, PAYEE, REGULAR, SHARE, TOWER
from simulation.land import Land
from watchtower.sandbox.people import RICH, Person
from watchtower.units import Address

__all__ = ["found", "keys_in_store", "named", "permission", "signer_list"]

_SPARE: Final = 4
"""Tickets beside those that are to stand for channels."""

_MOST: Final = 200
"""Tickets that an account has at most, some being left for the tower's own."""

_CLAIMING: Final = [{"Permission": {"PermissionValue": "PaymentChannelClaim"}}]


def keys_in_store(entitled: Entitlement) -> Mapping[Address, Person]:
    """Return which keys are in the tower's store at first, by the accounts that they sign for."""
    keys: dict[Address, Person] = {}
    if entitled.holds:
        keys[PAYEE.address] = PAYEE if entitled.holds == "master" else REGULAR
    if entitled.has("delegated"):
        keys[TOWER.address] = TOWER
    if entitled.has("signer_list"):
        keys[SHARE.address] = SHARE
    return keys


def found(land: Land, entitled: Entitlement, channels: int) -> None:
    """Set up what is configured, and close the ledger that has it."""
    if entitled.has("delegated"):
        amount = str(entitled.own_drops)
        land.apply(RICH, TransactionType="Payment", Destination=TOWER.address, Amount=amount)
    if entitled.has_regular_key:
        land.apply(PAYEE, **named(REGULAR))
    if entitled.has("signer_list"):
        land.apply(PAYEE, **signer_list(is_there=True))
    if entitled.has("presigned"):
        count = min(_MOST, entitled.tickets * channels + _SPARE)
        land.apply(PAYEE, TransactionType="TicketCreate", TicketCount=count)
    land.close(4)
    if entitled.has("delegated"):
        # Once the tower's account is there.
        land.apply(PAYEE, **permission(permits=True))
        land.close(4)


def named(key: Person) -> dict[str, Any]:
    """Return the transaction that names somebody's key as the regular key."""
    return {"TransactionType": "SetRegularKey", "RegularKey": key.address}


def permission(*, permits: bool) -> dict[str, Any]:
    """Return the transaction that permits the tower's own account to claim, or takes it back."""
    return {
        "TransactionType": "DelegateSet",
        "Authorize": TOWER.address,
        "Permissions": _CLAIMING if permits else [],
    }


def signer_list(*, is_there: bool) -> dict[str, Any]:
    """Return the transaction that makes the signer list, two of three, or removes it."""
    if not is_there:
        return {"TransactionType": "SignerListSet", "SignerQuorum": 0}
    people = (SHARE, *COSIGNERS)
    return {
        "TransactionType": "SignerListSet",
        "SignerQuorum": 2,
        "SignerEntries": [
            {"SignerEntry": {"Account": one.address, "SignerWeight": 1}} for one in people
        ],
    }
