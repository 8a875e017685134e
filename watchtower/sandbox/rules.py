"""The rules a sandbox plays by: fees, reserves, and which amendments are enabled. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.sandbox.hashing import amendment_id

__all__ = ["DEFAULT_AMENDMENTS", "KNOWN_AMENDMENTS", "Rules"]

DEFAULT_AMENDMENTS: Final = frozenset(
    {
        "Checks",
        "DeletableAccounts",
        "DepositAuth",
        "DepositPreauth",
        "DisallowIncoming",
        "MultiSignReserve",
        "RequireFullyCanonicalSig",
        "TicketBatch",
        "XRPFees",
        "fixIncludeKeyletFields",
        "fixMasterKeyAsRegularKey",
        "fixPayChanRecipientOwnerDir",
        "fixPreviousTxnID",
    }
)
"""Those of xrpld 3.1.1 that a payment channel can notice; all of them are always on here."""

KNOWN_AMENDMENTS: Final = DEFAULT_AMENDMENTS | {
    "PermissionDelegation",
    "PermissionDelegationV1_1",
    "fixCleanup3_2_0",
    "fixDelegateV1_1",
    "fixPayChanCancelAfter",
}
"""Those whose rules this sandbox has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Fees in drops, and the enabled amendments by name."""

    base_fee: int = 10
    reserve_base: int = 1_000_000
    reserve_increment: int = 200_000
    network_id: int = 0
    amendments: frozenset[str] = DEFAULT_AMENDMENTS

    def reserve(self, owner_count: int) -> int:
        """Return the drops that an account with ``owner_count`` objects must keep."""
        return self.reserve_base + owner_count * self.reserve_increment

    def enabled(self, *names: str) -> bool:
        """Return whether any of these amendments is enabled."""
        return not self.amendments.isdisjoint(names)

    def amendment_ids(self) -> list[str]:
        """Return the ids of the enabled amendments, as the ledger lists them."""
        return sorted(amendment_id(name) for name in self.amendments)
