"""The ledger of a drill: the operator's own servers, asked as the tower asks them."""

from __future__ import annotations

from typing import Final

from watchtower.drill.course import Reading, Terms
from watchtower.errors import AnswerError, DrillRefusedError, LedgerError
from watchtower.ledger.accounts import read_account
from watchtower.ledger.events import AccountMissing, ChannelChanged
from watchtower.ledger.servers import Servers
from watchtower.response.market import Market
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["NetworkLedger"]

_LEDGERS: Final = 20
"""Ledgers in which what is sent may come about: a minute."""


class NetworkLedger:
    """Asks ``servers``."""

    def __init__(self, servers: Servers, network_id: int) -> None:
        """Send what is of network ``network_id``."""
        self._servers = servers
        self._network_id = network_id

    async def terms(self, account: Address) -> Terms:
        """Return what the next transaction of ``account`` is made with.

        Raises:
            DrillRefusedError: the ledger has no such account.
            LedgerError: no server could tell.
        """
        links = self._servers.ready()
        facts = await read_account(links[0], account) if links else ()
        if any(isinstance(fact, AccountMissing) for fact in facts):
            why = f"the ledger has no account {account}: send it the reserve, and XRP to drill with"
            raise DrillRefusedError(why=why)
        sequences = await self._servers.account_sequences(account)
        return Terms(
            fee=Market.of(await self._servers.fee()).price(),
            sequence=sequences[-1],
            last_ledger=LedgerIndex(await self.newest() + _LEDGERS),
            network_id=self._network_id,
        )

    async def read(self, channel: ChannelId) -> Reading | None:
        """Return a channel as validated ledgers have it; None while no two servers tell the same.

        Whoever is a ledger behind contradicts the others for a moment: asked again, it agrees.
        """
        try:
            fact = await self._servers.read_channel(channel, vouched=True)
        except LedgerError:
            return None
        entry = fact.entry if isinstance(fact, ChannelChanged) else None
        return Reading(entry=entry, ledger_index=fact.at.ledger_index)

    async def paid_at_end(self, channel: ChannelId, transaction: str) -> Drops | None:
        """Return what a channel had paid when ``transaction`` took it out of the ledger.

        None if that is not validated, or did not.
        """
        try:
            result = await self._servers.ask("tx", transaction=transaction)
            nodes = result["meta"]["AffectedNodes"] if result.get("validated") is True else ()
            gone = (node["DeletedNode"] for node in nodes if "DeletedNode" in node)
            balances = [g["FinalFields"]["Balance"] for g in gone if g["LedgerIndex"] == channel]
            return Drops(int(balances[0])) if balances else None
        except (LedgerError, KeyError, TypeError, ValueError):
            return None

    async def newest(self) -> LedgerIndex:
        """Return the index of the newest validated ledger.

        Raises:
            LedgerError: no server could tell.
        """
        for link in self._servers.ready():
            if link.validated is not None:
                return link.validated
        result = await self._servers.ask("ledger", ledger_index="validated")
        return LedgerIndex(int(result["ledger_index"]))

    async def time(self) -> RippleTime:
        """Return the close time of the newest validated ledger.

        Raises:
            LedgerError: no server could tell.
        """
        result = await self._servers.ask("ledger", ledger_index="validated")
        try:
            return RippleTime(int(result["ledger"]["close_time"]))
        except (KeyError, TypeError, ValueError):
            why = "it has no close time"
            raise AnswerError(server="A server", command="ledger", why=why) from None

    async def submit(self, blob: str) -> str:
        """Send a signed transaction to every server; what they answer, in words, is no proof."""
        answers = await self._servers.submit(blob)
        said = sorted({answer.engine_result or answer.message for answer in answers})
        return f"servers answered {', '.join(said)}"
