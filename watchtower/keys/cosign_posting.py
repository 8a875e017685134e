"""Another tower as a co-signer, asked by letters: within a time, with nothing of it believed.

What it guarantees: who answers has signed the answer with the key that the configuration names, for
the very letter that was sent; whatever else comes is as if it had not. What stands in the answer
counts for no more than over TLS (`told.understood`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from watchtower.keys.cosign_letters import Ask, Seal, Tell, open_tell, sealed_ask
from watchtower.keys.told import MOST_BYTES, MOST_WORDS, Away, Faulty, Told, understood
from watchtower.units import Address, LedgerIndex

__all__ = ["Line", "LineDown", "PostedCosigner"]

_log = structlog.get_logger(__name__)

_NAME_BYTES: Final = 16


class LineDown(Exception):  # noqa: N818 - a turn of events, and never leaves this room
    """There is no way to anybody now; the text is why, as a part of a sentence."""


class Line(Protocol):
    """The way to others, and back."""

    @property
    def answers(self) -> str:
        """The topic at which answers come."""
        ...

    async def exchange(
        self, topic: str, payload: bytes, *, name: bytes, take: Callable[[bytes], Tell | None]
    ) -> Tell:
        """Send a letter; return the first answer under its name that is taken.

        Raises:
            LineDown: it could not be sent.
        """
        ...


class PostedCosigner:
    """One other tower that signs with us, reached at a topic of the broker."""

    def __init__(
        self,
        *,
        account: Address,
        public_key: str,
        identity: str,
        topic: str,
        line: Line | None,
        seal: Callable[[], Awaitable[Seal]],
        validated: Callable[[], LedgerIndex | None],
        patience: float,
    ) -> None:
        """Ask nothing yet.

        Args:
            account: who it is in the signer list.
            public_key: the key that signs for it, in upper-case hex.
            identity: the key by which its letters are known, likewise.
            topic: where it is asked.
            line: the way there; None where there is none.
            seal: returns who signs our own letters.
            validated: tells the newest validated ledger.
            patience: seconds for a letter and its answer.
        """
        self.account = account
        self.public_key = public_key
        self._identity = identity
        self._topic = topic
        self._line = line
        self._seal = seal
        self._validated = validated
        self._patience = patience

    async def ask(self, transactions: Sequence[Mapping[str, Any]]) -> Told:
        """Ask for a signature of each of ``transactions``, and verify what comes."""
        validated = self._validated()
        if self._line is None:
            return Away("it is reached by a broker, and this command connects to none")
        if validated is None:
            return Away("no ledger has come yet, of which a letter could be")
        name = secrets.token_hex(_NAME_BYTES)
        ask = Ask(
            name=name,
            receiver=self.account,
            answer_to=self._line.answers,
            validated=validated,
            transactions=[dict(one) for one in transactions],
        )

        def take(payload: bytes) -> Tell | None:
            told = open_tell(payload, self._identity, name)
            if isinstance(told, Tell):
                return told
            # Anybody at the broker can send such a one: it must not count as the co-signer's.
            _log.info("cosign_letter_ignored", cosigner=self.account, why=told)
            return None

        letter = sealed_ask(ask, await self._seal())
        try:
            async with asyncio.timeout(self._patience):
                told = await self._line.exchange(self._topic, letter, name=name.encode(), take=take)
        except TimeoutError:
            return Away(f"nothing came within {self._patience:g} s")
        except LineDown as down:
            return Away(str(down))
        if told.problem:
            return Away(f"it said: {told.problem[:MOST_WORDS]}")
        body = bytes(told.answers)
        if len(body) > MOST_BYTES:
            return Faulty("its answer has no end")
        return understood(body, transactions, account=self.account, public_key=self.public_key)
