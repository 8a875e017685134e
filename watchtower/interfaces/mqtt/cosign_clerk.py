"""Where other towers ask for signatures by letters, if this tower is a co-signer.

What it guarantees:

- Nobody is listened to but the towers in the configuration, by the keys that sign their letters.
  What a stranger at the broker sends costs the look at a signature, and a line in the log.
- A letter is for us, of now, and heard once: one that somebody sends again, or kept back, is not
  answered. After a restart one of the last minute might be heard again: what it asked for is judged
  anew, and the answer goes where the first one went.
- An answer goes where the letter itself says, which nobody else can change, and to a topic for such
  answers alone.
- What is asked for is judged behind the door, by `keys/cosigning.py`; nothing is believed here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from watchtower.errors import StoreError
from watchtower.interfaces.mqtt.connection import Connection, Delivery
from watchtower.interfaces.mqtt.topics import takes_cosign_answers
from watchtower.keys.cosign_letters import Ask, Seal, open_ask, sealed_tell
from watchtower.keys.cosign_messages import CosignAnswers
from watchtower.units import Address, LedgerIndex

__all__ = ["CosignClerk", "CosignDoor"]

_log = structlog.get_logger(__name__)

_FRESH: Final = 16
"""Ledgers by which who asks may be behind us, or ahead: about a minute."""

_REMEMBERED: Final = 4_096
"""Names of letters that are known again; those of towers that we name, of the last minute."""

_EXPIRES: Final = 60
"""Seconds after which an answer that nobody fetched is gone."""


class CosignDoor(Protocol):
    """Who judges, and signs."""

    async def answer(self, transactions: Sequence[Mapping[str, Any]]) -> CosignAnswers:
        """Return a signature for each transaction, or the reason for none."""
        ...


class CosignClerk:
    """Takes the letters of other towers to the door."""

    def __init__(
        self,
        door: CosignDoor,
        *,
        us: Address,
        senders: Collection[str],
        seal: Callable[[], Awaitable[Seal]],
        validated: Callable[[], LedgerIndex | None],
    ) -> None:
        """Answer nobody yet.

        Args:
            door: who judges.
            us: our own account in signer lists.
            senders: the keys of those who may ask, in upper-case hex.
            seal: returns who signs our own letters.
            validated: tells the newest validated ledger.
        """
        self._door = door
        self._us = us
        self._senders = frozenset(senders)
        self._seal = seal
        self._validated = validated
        self._heard: OrderedDict[tuple[str, str], LedgerIndex] = OrderedDict()

    def connected(self, connection: Connection) -> None:
        """Wait for letters; each brings the connection that it is answered by."""

    def lost(self) -> None:
        """Answer nobody."""

    async def handle(self, delivery: Delivery, connection: Connection) -> None:
        """Answer a letter, if it is one for us.

        Raises:
            BrokerLost: the connection has ended.
        """
        try:
            await self._answer(delivery, connection)
        finally:
            # Who asked asks anew where no answer came; this letter is too old by then.
            connection.acknowledge(delivery)

    async def _answer(self, delivery: Delivery, connection: Connection) -> None:
        opened = open_ask(delivery.payload, self._senders)
        why = opened if isinstance(opened, str) else self._why_not(*opened, delivery)
        if isinstance(opened, str) or why:
            # What an outsider sends must not make us log at `error`, and gets no answer.
            _log.info("cosign_letter_refused", why=why)
            return
        _, ask = opened
        told = self._why_untimely(ask) or await self._told(ask)
        try:
            seal = await self._seal()
        except StoreError as failure:
            _log.warning("no_identity", why=str(failure))
            return
        await connection.publish(
            ask.answer_to,
            sealed_tell(ask.name, told, seal),
            correlation=ask.name.encode(),
            expires_after=_EXPIRES,
        )

    def _why_not(self, sender: str, ask: Ask, delivery: Delivery) -> str:
        """Return why a letter is not answered; and note it, so that it is heard once."""
        if ask.receiver != self._us:
            return "it is for somebody else"
        if delivery.correlation != ask.name.encode() or delivery.response_topic != ask.answer_to:
            return "somebody has sent it on"
        if not takes_cosign_answers(ask.answer_to):
            return "its answer would go to no topic for such answers"
        if (sender, ask.name) in self._heard:
            return "it was heard before"
        self._heard[sender, ask.name] = ask.ledger
        while len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
        return ""

    def _why_untimely(self, ask: Ask) -> str:
        now = self._validated()
        if now is None:
            return "no ledger has come here yet, by which it could be judged"
        if abs(now - ask.ledger) > _FRESH:
            return f"the letter is of ledger {ask.ledger}, and ledger {now} is the newest here"
        return ""

    async def _told(self, ask: Ask) -> CosignAnswers | str:
        try:
            return await self._door.answer(ask.transactions)
        except StoreError as failure:
            _log.warning("not_cosigned", why=str(failure))
            return "what it would sign cannot be written down there"
        except Exception as mistake:  # noqa: BLE001 - it must not end the way to the broker
            _log.warning("cosign_letter_failed", why=repr(mistake))
            return "it made a mistake, of which its log says more"
