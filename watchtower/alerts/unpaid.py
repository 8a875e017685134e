"""Whether what is owed had its chance to be paid, so that it is worth a word that it is not. Pure.

What a redemption on its way will pay wakes nobody. Otherwise a payer could wake the operator all
night, for nothing: with channels that leave no time from the start, or with a claim for one more
drop when a channel is nearly over.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from watchtower.units import ChannelId, Drops, LedgerIndex

__all__ = ["CHANCE", "Unpaid"]

CHANCE: Final = 3
"""Ledgers for which something is owed before it had its chance: what is sent at once is in the
first or second of them."""


class _Since(NamedTuple):
    ledger_index: LedgerIndex
    target: Drops


class Unpaid:
    """Since when what is owed on each channel stands unpaid.

    It counts anew once all that was owed is paid, and not before. A payer who pays a drop in every
    ledger, or promises one more, or puts one more in, ends no waiting.
    """

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._since: dict[ChannelId, _Since] = {}

    def had_chance(
        self, channel: ChannelId, *, target: Drops, at_stake: Drops, ledger_index: LedgerIndex
    ) -> bool:
        """Take note of what is owed; return whether it stands unpaid for ``CHANCE`` ledgers.

        Args:
            channel: whose balance is to reach ``target``.
            target: in drops, what the channel would have paid in all.
            at_stake: the drops of it that are not paid.
            ledger_index: the newest ledger's. It may go back, where one server alone was wrong.
        """
        since = self._since.get(channel)
        if since is None or target - at_stake >= since.target or ledger_index < since.ledger_index:
            self._since[channel] = since = _Since(ledger_index, target)
        return ledger_index - since.ledger_index >= CHANCE

    def forget(self, channel: ChannelId) -> None:
        """Drop a channel on which nothing is owed, or presses."""
        self._since.pop(channel, None)
