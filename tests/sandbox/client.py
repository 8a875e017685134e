"""A client without a socket: it asks, and keeps what it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.codec import encode
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.line import connect
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import Rules

__all__ = ["Client", "frozen_network"]

Message = dict[str, Any]


def frozen_network(seed: int = 0, queue: QueueSettings | None = None, **rules: Any) -> Network:
    """Return a network whose time passes by ledgers alone."""
    return Network(Rules(**rules), Pace.of(Clock.FROZEN), queue or QueueSettings(), seed)


class Client:
    """One client of one server."""

    def __init__(self, node: Node) -> None:
        """Connect to the server."""
        self.texts: list[str] = []
        self.cuts = 0
        self.line = connect(node, self.texts.append, on_cut=self._cut)
        self._number = 0

    def _cut(self) -> None:
        self.cuts += 1

    @property
    def told(self) -> list[Message]:
        """Everything that it was told, in order."""
        return [msgspec.json.decode(text) for text in self.texts]

    def send(self, command: str, **params: Any) -> int:
        """Ask, and return the number of the request."""
        self._number += 1
        request = {"id": self._number, "command": command, **params}
        self.line.send(msgspec.json.encode(request).decode())
        return self._number

    def answers(self, number: int) -> list[Message]:
        """Return what was answered to a request."""
        return [message for message in self.told if message.get("id") == number]

    def ask(self, command: str, **params: Any) -> Message:
        """Ask, and return the one answer, which has come at once."""
        (answer,) = self.answers(self.send(command, **params))
        return answer

    def result(self, command: str, **params: Any) -> Message:
        """Ask, and return the result."""
        answer = self.ask(command, **params)
        result: Message = answer["result"]
        return result

    def heard(self, kind: str, name: str) -> list[Any]:
        """Return one member of every stream message of a kind, in order."""
        return [message[name] for message in self.told if message["type"] == kind]

    def submit(self, tx: Message, person: Person = RICH) -> Message:
        """Complete, sign and submit a transaction; return the result."""
        return self.result("submit", tx_blob=self.blob(tx, person))

    def sequence(self, person: Person) -> int:
        """Return somebody's next sequence in the server's open ledger."""
        root = self.result("account_info", account=person.address)
        return int(root["account_data"]["Sequence"])

    def blob(self, tx: Message, person: Person = RICH) -> str:
        """Return a signed transaction, with the sequence that the server tells, if it has none."""
        full: Message = {"Account": person.address, "Fee": "10", **tx}
        if "Sequence" not in full:
            full["Sequence"] = self.sequence(person)
        return encode(person.sign_transaction(full))

    def pay(self, person: Person, drops: int = 100_000_000, **more: Any) -> Message:
        """Let the rich one pay somebody."""
        payment = {"TransactionType": "Payment", "Destination": person.address}
        return self.submit({**payment, "Amount": str(drops), **more})
