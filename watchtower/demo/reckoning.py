"""The reckoning: what the ledger itself says was paid, and whether the sums agree.

Nothing the tower says is believed here. What was paid on a channel is its balance in a validated
ledger, or in the metadata of the transaction that deleted it; and the sum of all of it must be
what the publisher's account gained, but for the fees that it paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from watchtower.demo.cast import Reader
from watchtower.units import ChannelId, Drops

__all__ = ["Reckoning", "balance_of", "paid_on", "reckon"]


class Asking(Protocol):
    """Whoever can ask the ledger."""

    async def request(self, command: str, **params: Any) -> Mapping[str, Any]:
        """Return the result of a request; an error is a result with ``error``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """The sums, in drops, and whether the publisher's own balance proves them."""

    at_stake: int
    redeemed: int
    lost: int
    unprotectable: int
    unprotectable_lost: int
    is_proven: bool

    def report(self) -> dict[str, Any]:
        """Return the last line of the demo."""
        return {
            "at_stake_drops": self.at_stake,
            "redeemed_drops": self.redeemed,
            "lost_drops": self.lost,
            "unprotectable": self.unprotectable,
            "unprotectable_lost_drops": self.unprotectable_lost,
            "proven_by_balances": self.is_proven,
        }


async def balance_of(ledger: Asking, account: str) -> Drops:
    """Return the XRP of an account, in drops."""
    result = await ledger.request("account_info", account=account, ledger_index="validated")
    return Drops(int(result["account_data"]["Balance"]))


async def paid_on(ledger: Asking, channel: ChannelId, payee: str) -> Drops:
    """Return all that a channel ever paid, in drops."""
    found = await ledger.request("ledger_entry", payment_channel=channel, ledger_index="validated")
    if "node" in found:
        return Drops(int(found["node"]["Balance"]))
    for node in _deleted_nodes(await _history(ledger, payee)):
        if node["LedgerIndex"] == channel:
            return Drops(int(node["FinalFields"]["Balance"]))
    return Drops(0)


async def reckon(ledger: Asking, readers: Sequence[Reader], payee: str, before: Drops) -> Reckoning:
    """Add up what every channel paid, and hold it against what the payee's account gained."""
    paid = {r.name: await paid_on(ledger, r.channel, payee) for r in readers}
    worth = {r.name: min(r.promised, r.funds) for r in readers}
    fees = sum(
        int(row["tx_json"]["Fee"])
        for row in await _history(ledger, payee)
        if row["tx_json"]["Account"] == payee
    )
    gained = await balance_of(ledger, payee) - before
    safe = [r.name for r in readers if r.protectable]
    unsafe = [r.name for r in readers if not r.protectable]
    return Reckoning(
        at_stake=sum(worth[name] for name in safe),
        redeemed=sum(min(paid[name], worth[name]) for name in safe),
        lost=sum(max(0, worth[name] - paid[name]) for name in safe),
        unprotectable=len(unsafe),
        unprotectable_lost=sum(max(0, worth[name] - paid[name]) for name in unsafe),
        is_proven=gained + fees == sum(paid.values()),
    )


async def _history(ledger: Asking, account: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    marker: dict[str, Any] = {}
    while True:
        page = await ledger.request(
            "account_tx",
            account=account,
            ledger_index_min=-1,
            ledger_index_max=-1,
            forward=True,
            api_version=2,
            **marker,
        )
        rows += page["transactions"]
        if "marker" not in page:
            return rows
        marker = {"marker": page["marker"]}


def _deleted_nodes(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        node["DeletedNode"]
        for row in rows
        for node in row["meta"]["AffectedNodes"]
        if node.get("DeletedNode", {}).get("LedgerEntryType") == "PayChannel"
    ]
