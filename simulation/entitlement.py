"""By what rights a world's payee can be redeemed for, as data.

Pure. A world without rights of its own has the payee's master key in the tower's store, as the
oldest worlds have.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MASTER_KEY_ONLY", "Entitlement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What the operator configures, and what of it the ledger and the store have at first.

    Attributes:
        rights: as configured, in their order; master_key stands in it only where it is allowed.
        holds: which of the payee's own keys is in the store: its ``master`` key, its ``regular``
            key, or none.
        has_regular_key: whether the ledger names the regular key.
        signs_ahead: which of these two keys signs claims ahead of need.
        tickets: how many stand for each channel, in worlds that sign ahead.
        fees: in drops, that are signed for ahead; the usual ones if there is none.
        own_drops: what the tower's own account has.
        told: whether co-signers know the claims that the tower acknowledged.
        is_set_up: whether more than a key in the store was ever set up.
    """

    rights: tuple[str, ...]
    holds: str
    has_regular_key: bool = False
    signs_ahead: str = "master"
    tickets: int = 2
    fees: tuple[int, ...] = ()
    own_drops: int = 1_000_000_000
    told: bool = True
    is_set_up: bool = True

    def has(self, right: str) -> bool:
        """Return whether a right is configured, and was set up."""
        return right in self.rights and (self.is_set_up or right == "master_key")


MASTER_KEY_ONLY = Entitlement(
    rights=("presigned", "delegated", "signer_list", "regular_key", "master_key"),
    holds="master",
    is_set_up=False,
)
"""The payee's one key is in the store, and nothing else was ever set up."""
