"""What a server that is behind takes for the open ledger: its own older one, with what it heard.

Guarantees that whoever asks such a server what a transaction would do is told what it would do in
the ledger that this server believes to be next, by the same rules as everywhere.
"""

from __future__ import annotations

from dataclasses import replace

from watchtower.sandbox.engine import Applied, Ground, apply
from watchtower.sandbox.fee_levels import BASE_LEVEL, Price
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.network import Network
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.state import OpenView
from watchtower.sandbox.submission import Submission
from watchtower.sandbox.transaction import Transaction

__all__ = ["Outlook"]


class Outlook:
    """The open ledger on top of ledger ``at``, which the network has left behind.

    Args:
        network: where everybody else is further.
        at: the last ledger that the server knows of.
        heard: transactions to begin with; those that ledger ``at`` leaves no room for drop out.
    """

    def __init__(self, network: Network, at: int, heard: list[Transaction]) -> None:
        self._network = network
        self.at = at
        self.transactions: list[Transaction] = []
        history = network.chain.history
        self._ground = Ground(
            view=OpenView(history.snapshot(at)),
            rules=network.rules,
            ledger_index=at + 1,
            parent_close_time=history.closed(at).close_time,
            is_open=True,
            known=set(),
        )
        for tx in heard:
            self.apply(tx)

    @property
    def view(self) -> OpenView:
        """What the open ledger holds."""
        return self._ground.view

    def apply(self, tx: Transaction, *, fail_hard: bool = False) -> Applied:
        """Apply a transaction to it; one that it has already is not applied again."""
        outcome = apply(tx, self._ground, fail_hard=fail_hard)
        if outcome.applied:
            self.transactions.append(tx)
        return outcome

    def answer(self, tx: Transaction, outcome: Applied, *, fail_hard: bool = False) -> Submission:
        """Return what the server says to a submission; what it says it broadcasts it relays.

        That is everything but what failed and was to fail hard: a server that is not in sync
        relays what its own clients submit, whatever it makes of it (rippled
        src/xrpld/app/misc/NetworkOPs.cpp, apply: local and not FULL).
        """
        goes_on = not fail_hard or outcome.result == SUCCESS
        root = self.view.read(account_index(tx.account))
        sequence = 0 if root is None else int(root["Sequence"])
        return Submission(
            tx=tx,
            result=outcome.result,
            applied=outcome.applied,
            broadcast=goes_on,
            kept=goes_on,
            next_sequence=sequence,
            available_sequence=sequence,
            open_ledger_cost=self._network.rules.base_fee,
            validated_index=self.at,
        )

    def price(self) -> Price:
        """Return what entering it costs: nobody escalates fees in a ledger that is over."""
        return replace(
            self._network.price(),
            ledger_size=len(self.transactions),
            queue_size=0,
            minimum_level=BASE_LEVEL,
            open_ledger_level=BASE_LEVEL,
        )
