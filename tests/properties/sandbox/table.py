"""A server in process, people around it, and the requests by which they act and look.

Everything goes through the request API, as text, as a client would send it; only the list of what
there is in a ledger, which no request gives, is read off the state itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from xrpl.core.binarycodec import encode

from watchtower.sandbox.api.dispatch import answer
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.streams import Subscriber

__all__ = ["ALL_XRP", "FEE", "PEOPLE", "Table"]

ALL_XRP: Final = 100_000_000_000_000_000
"""Drops in genesis."""

FEE: Final = 10
PEOPLE: Final = (
    Person.named("one"),
    Person.named("another", ed25519=True),
    Person.named("a third"),
)
_WEALTH: Final = 60_000_000


class Table:
    """A ledger that stands still, and three people with some XRP.

    Args:
        amendments: those that are enabled beside the usual ones.
    """

    def __init__(self, *amendments: str) -> None:
        rules = Rules(amendments=DEFAULT_AMENDMENTS | set(amendments))
        self.node = Node(Network(rules, Pace.of(Clock.FROZEN), QueueSettings()))
        self.heard: list[dict[str, Any]] = []
        self._client = Subscriber(lambda text, _kind: self.heard.append(json.loads(text)))
        self.ask("subscribe", streams=["ledger", "transactions"], api_version=2)
        for person in PEOPLE:
            pay = {"TransactionType": "Payment", "Destination": person.address}
            self.send({**pay, "Amount": str(_WEALTH)}, RICH)

    def ask(self, command: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request, or the answer that refuses it."""
        frame = json.dumps({"id": 1, "command": command, **params})
        answered = answer(self.node, self._client, frame)
        assert answered is not None
        told = json.loads(answered[0])
        found: dict[str, Any] = told.get("result", told)
        return found

    def send(self, fields: dict[str, Any], person: Person, ticket: int | None = None) -> str:
        """Complete, sign and submit a transaction; return what the server says at once."""
        seat: dict[str, Any] = {"Sequence": self.root(person)["Sequence"]}
        if ticket is not None:
            seat = {"Sequence": 0, "TicketSequence": ticket}
        tx = {
            "Account": person.address,
            "Fee": str(FEE),
            **seat,
            **fields,
        }
        blob = encode(person.sign_transaction(tx))
        return str(self.ask("submit", tx_blob=blob)["engine_result"])

    def root(self, person: Person) -> dict[str, Any]:
        """Return a person's account in the open ledger."""
        told = self.ask("account_info", account=person.address, ledger_index="current")
        root: dict[str, Any] = told["account_data"]
        return root

    def channel(self, index: str) -> dict[str, Any] | None:
        """Return a channel in the open ledger, if it is there."""
        return self.ask("ledger_entry", payment_channel=index, ledger_index="current").get("node")

    @property
    def validated(self) -> int:
        """The last validated ledger."""
        index: int = self.ask("ledger_closed")["ledger_index"]
        return index

    def state(self, ledger_index: int) -> dict[str, dict[str, Any]]:
        """Return all entries of a validated ledger, by index."""
        view = self.node.snapshot(ledger_index)
        return {index: dict(view.read(index) or {}) for index in view.indexes()}

    def pages(self, command: str, member: str, **params: Any) -> Iterator[list[dict[str, Any]]]:
        """Return page after page of a request, as its markers lead."""
        marker: dict[str, Any] = {}
        while True:
            page = self.ask(command, **params, **marker)
            yield page[member]
            if "marker" not in page:
                return
            marker = {"marker": page["marker"]}
