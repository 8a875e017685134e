"""The way out of the house: journal, then act.

What it guarantees: an attempt is on disk before its first byte leaves, and what is on its way is
sent again in every ledger until its last one, or its end, also by the next process if this one is
killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watchtower.errors import StoreError
from watchtower.response.attempt import Attempt, Purpose
from watchtower.response.submit import Submitter
from watchtower.response.surroundings import Docket, Store
from watchtower.units import ChannelId, LedgerIndex, TxHash

__all__ = ["Launch", "Together"]

_Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]


def _tell_nobody(_lines: Iterable[_Line]) -> None:
    pass


class Launch:
    """Writes attempts down, and sends them; in shadow it sends nothing, not even again."""

    def __init__(
        self,
        docket: Docket,
        *,
        store: Store,
        submitter: Submitter,
        shadow: bool = False,
        tell: Callable[[Iterable[_Line]], None] = _tell_nobody,
    ) -> None:
        """Launch for ``docket``, which is told of each attempt once it is on disk.

        So is ``tell``, in the journal's words; it neither waits nor fails.
        """
        self._tell = tell
        self.shadow = shadow
        self._docket = docket
        self._store = store
        self._submitter = submitter
        self._sent_in: dict[TxHash, LedgerIndex] = {}

    async def launch(self, attempts: Sequence[Attempt]) -> None:
        """Write attempts down together, then send them.

        Raises:
            StoreError: they could not be written down, and so were not sent.
        """
        await self._write_down(attempts)
        for attempt in attempts:
            self._docket.attempt_made(attempt)
            self._send(attempt, attempt.made_in)
        self._tell(_lines(attempts))

    def send_again(self, now: LedgerIndex) -> None:
        """Send what is on its way and was not sent since ledger ``now`` was validated."""
        attempts = self._docket.attempts
        for gone in self._sent_in.keys() - attempts.keys():
            del self._sent_in[gone]
        for attempt in attempts.values():
            if attempt.last_ledger > now and self._sent_in.get(attempt.transaction) != now:
                self._send(attempt, now)

    def alarming(self) -> Mapping[ChannelId, str]:
        """Return the results that a person should see, of attempts on their way, by channel."""
        attempts = self._docket.attempts
        self._submitter.keep_only(attempts.keys())
        return {
            channel: result
            for transaction, result in self._submitter.alarming.items()
            if (channel := attempts[transaction].channel) is not None
        }

    def _send(self, attempt: Attempt, now: LedgerIndex) -> None:
        if not self.shadow:
            self._sent_in[attempt.transaction] = now
            self._submitter.send(attempt, now)

    async def _write_down(self, attempts: Sequence[Attempt]) -> None:
        if not attempts:
            return
        async with self._store.write() as work:
            await work.attempts.put_all(attempts)
            await work.journal.append_all(_lines(attempts))


@dataclass(slots=True)
class _Cargo:
    """What leaves together; ``is_gone`` once it has left, or ``failed`` to."""

    attempts: list[Attempt] = field(default_factory=list)
    is_gone: bool = False
    failed: StoreError | None = None


class Together:
    """Launches what several accounts have ready meanwhile with one fsync."""

    def __init__(self, launch: Launch) -> None:
        """Launch by ``launch``."""
        self._launch = launch
        self._next = _Cargo()
        self._way_out = asyncio.Lock()

    async def launch(self, attempts: Sequence[Attempt]) -> None:
        """Write attempts down, with others that wait for the disk, then send them.

        Raises:
            StoreError: they could not be written down, and so were not sent.
        """
        if not attempts:
            return
        cargo = self._next
        cargo.attempts += attempts
        async with self._way_out:
            if not cargo.is_gone:
                # What comes from now on is the next one's. If this is cancelled, whoever waits
                # launches it.
                if self._next is cargo:
                    self._next = _Cargo()
                try:
                    await self._launch.launch(cargo.attempts)
                except StoreError as failed:
                    cargo.failed = failed
                cargo.is_gone = True
            if cargo.failed is not None:
                raise cargo.failed


def _lines(attempts: Iterable[Attempt]) -> list[_Line]:
    """Return what the journal says of attempts."""
    return [("attempt_made", a.channel, a.made_in, _facts(a)) for a in attempts]


def _facts(attempt: Attempt) -> dict[str, object]:
    purpose = {} if attempt.purpose is Purpose.REDEEM else {"purpose": attempt.purpose.value}
    by = {"by": attempt.by} if attempt.by else {}
    return {
        **purpose,
        **by,
        "transaction": attempt.transaction,
        "ticket" if attempt.seat.is_ticket else "sequence": attempt.seat.number,
        "target": attempt.target,
        "fee": attempt.fee,
        "last_ledger": None if attempt.never_lapses else attempt.last_ledger,
    }
