"""Whether the tower's own account may send claims in the name of another now (XLS-75).

What it guarantees: the answer is the one that the ledger would give to a claim which names the
tower's account as its ``Delegate`` (rippled Transactor.cpp, preflight1, checkPermission, checkFee),
by the last known state of both accounts. Pure.

Where the amendments are not known, an entry that permits it is proof enough: there can be none
without the amendment, and a single server that tells other amendments than the rest must not take
away a right that is there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from watchtower.judgement.estate import Estate
from watchtower.judgement.rules import ChannelRules
from watchtower.units import Address, Drops

__all__ = ["CLAIMING", "DelegationFault", "delegation_fault"]

CLAIMING: Final = "PaymentChannelClaim"
"""The permission that is needed, and no other: there is no finer one ("claim but not close";
rippled permissions.macro has none for channels)."""


class DelegationFault(StrEnum):
    """Why a claim that is sent as the account's delegate would fail."""

    UNKNOWN = "unknown"  # nothing was told yet, so nobody is alarmed
    AMENDMENT_OFF = "amendment_off"  # the network has no delegation (temDISABLED)
    NOT_PERMITTED = "not_permitted"  # never given, or taken back (terNO_DELEGATE_PERMISSION)
    NO_TOWER = "no_tower"  # the tower's own account is not in the ledger (terNO_ACCOUNT)
    NO_MONEY = "no_money"  # it cannot pay the least fee (terINSUF_FEE_B)

    @property
    def sentence(self) -> str:
        """The fault in words that follow a colon."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    DelegationFault.UNKNOWN: "it is not known yet what the account permits",
    DelegationFault.AMENDMENT_OFF: "the network has not enabled PermissionDelegationV1_1",
    DelegationFault.NOT_PERMITTED: "the account does not permit it, or does not any more",
    DelegationFault.NO_TOWER: "the tower's own account is not in the ledger",
    DelegationFault.NO_MONEY: "the tower's own account cannot pay the fee",
}


def delegation_fault(
    payee: Estate | None,
    tower: Estate | None,
    *,
    delegate: Address,
    rules: ChannelRules,
    least_fee: Drops,
) -> DelegationFault | None:
    """Return why ``delegate`` cannot claim for the account of ``payee``; None if it can.

    Args:
        payee: the account in whose name claims are sent.
        tower: the account of ``delegate``, which pays the fees; what is not known of it hinders
            nothing.
        delegate: the tower's own account.
        rules: those of the network.
        least_fee: the base fee.
    """
    if not rules.delegates_act:
        return DelegationFault.AMENDMENT_OFF
    permitted = None if payee is None else payee.delegates.get(delegate)
    if permitted is None:
        return DelegationFault.UNKNOWN
    if CLAIMING not in permitted.kinds:
        return DelegationFault.NOT_PERMITTED
    if tower is None or tower.as_of is None:
        return None
    if tower.entry is None:
        return DelegationFault.NO_TOWER
    # The reserve pays fees too (Transactor.cpp, checkFee: the whole balance counts).
    return DelegationFault.NO_MONEY if tower.entry.balance < least_fee else None
