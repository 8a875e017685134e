"""What an operator may say of fire drills: whose money, how much of it, and how often."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from msgspec import Meta, Struct

from watchtower.units import Address, parse_address

__all__ = ["DrillSettings"]

_Drops = Annotated[int, Meta(ge=1, le=100_000_000_000)]


class DrillSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The canary of ``watchtower drill --network``, and what it may spend.

    Amounts are drops. ``payee`` is one of the guarded accounts, the first if it is empty;
    ``patience_seconds`` is after how long a drill has failed; 0 of ``every_days`` asks for none.
    """

    payer: str = ""
    payee: str = ""
    amount_drops: _Drops = 1_000_000
    daily_cap_drops: _Drops = 10_000_000
    settle_delay_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] = 3_600
    patience_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    every_days: Annotated[int, Meta(ge=0, le=3_650)] = 0
    allow_mainnet: bool = False

    def why_unusable(
        self,
        payees: Collection[Address],
        ours: Collection[Address],
        *,
        least_settle_delay: int,
        redeemed_from: int,
    ) -> str | None:
        """Return why no drill could be made so, in a sentence without its full stop.

        Args:
            payees: the guarded accounts that redeem.
            ours: every guarded account.
            least_settle_delay: seconds that a channel must leave, to be promised anything.
            redeemed_from: drops at stake from which a channel is redeemed unasked; 0 for none.

        Raises:
            AddressError: an account's address has a bad form or checksum.
        """
        if self.payee and parse_address(self.payee) not in payees:
            return "`drill.payee` is none of the accounts that are guarded as payees"
        if not self.payer:
            return None
        if parse_address(self.payer) in ours:
            return (
                "`drill.payer` is a guarded account; a drill has an account and a key of its own "
                "(`watchtower drill setup`)"
            )
        if not payees:
            return "`drill.payer` is set, and no account is guarded as a payee whom it could pay"
        if self.settle_delay_seconds < least_settle_delay:
            return (
                "`drill.settle_delay_seconds` is below `policy.min_settle_delay_seconds`: the "
                "canary would be a channel that nothing is promised for"
            )
        if 0 < redeemed_from <= self.amount_drops:
            return (
                "`drill.amount_drops` reaches `policy.exposure_limit_drops`: the canary would be "
                "redeemed before anybody asks to close it"
            )
        return None
