"""One stream of everything that happens on the ledger, without gaps, whatever servers do.

The shell around `Sequence`. What it guarantees, beyond that module's rules:

* **Subscribe first, then read what was missed** from any server that has it, then read every
  open channel anew and look for inbound channels nobody told us of (`CatchUp`). All of it comes
  out of `Stream.deliveries`; ``LedgerAccounted`` never passes a ledger that was not read.
* **Live facts do not wait** for history: facts are states with positions, and a receiver takes
  them in any order.
* When no server has the missing ledgers, ``HistoryMissing`` says so, the cursor waits, the open
  channels are read anyway, and history is asked for again until somebody has it.

Memory is bounded: a receiver that does not take deliveries makes messages be left out and read
again later (`Inbox`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from watchtower.ledger.catchup import CatchUp, Sources, StreamSettings
from watchtower.ledger.health import (
    HealthEvent,
    ServerSilent,
    ServerUnreachable,
    WrongNetworkServed,
)
from watchtower.ledger.inbox import Heard, Inbox, Lost, Misheard, Note, Subscribed
from watchtower.ledger.outbox import Outbox
from watchtower.ledger.sequence import Delivery, Gap
from watchtower.ledger.sequence import Sequence as LedgerSequence
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["Stream", "opened"]


class Stream:
    """The deliveries of one run. Open it with `Servers.stream`."""

    def __init__(
        self,
        *,
        servers: Sources,
        inbox: Inbox,
        outbox: Outbox,
        sequence: LedgerSequence,
        catch_up: CatchUp,
    ) -> None:
        """Join the parts."""
        self._servers = servers
        self._inbox = inbox
        self._outbox = outbox
        self._sequence = sequence
        self._catch_up = catch_up

    def deliveries(self) -> AsyncIterator[Delivery]:
        """Return what happens, as it becomes known, for ever; for one receiver.

        Raises:
            Exception: what ended a task of ours. That is a defect, and nothing is known any more.
        """
        return self._outbox.take_all()

    def reconcile(self) -> None:
        """Read everything anew now, without waiting for the timer."""
        self._catch_up.attend(reconcile=True)

    async def pump(self) -> None:
        """Turn what the links hear into deliveries, until cancelled."""
        newest: LedgerIndex | None = None
        gap: Gap | None = None
        while True:
            note = await self._inbox.take()
            await self._outbox.put_all(lambda note=note: self._deliver(note))  # type: ignore[misc]
            first_of_all = newest is None and self._sequence.newest is not None
            newest = self._sequence.newest
            before, gap = gap, self._sequence.gap()
            # An old gap is tried again in its own time; only a new one is worth a look at once.
            is_new = gap is not None and (before is None or before.first != gap.first)
            if first_of_all or is_new or isinstance(note, Subscribed) or self._catch_up.rules_due:
                self._catch_up.attend()

    def _deliver(self, note: Note) -> Sequence[Delivery]:
        deliveries = self._apply(note)
        for delivery in deliveries:
            if isinstance(delivery, HealthEvent):
                self._servers.note(delivery)
        return deliveries

    def _apply(self, note: Note) -> Sequence[Delivery]:
        match note:
            case Subscribed(server, result):
                return self._sequence.subscribed(server, result)
            case Heard(server, message):
                return self._sequence.received(server, message)
            case Misheard(server):
                self._sequence.garbled(server)
                return ()
            case Lost(server):
                return self._sequence.lost(server)
            case _:
                return (note.event, *self._without(note.event))

    def _without(self, event: HealthEvent) -> Sequence[Delivery]:
        """Go on without a server that cannot be used."""
        if isinstance(event, ServerUnreachable | ServerSilent | WrongNetworkServed):
            return self._sequence.gone(event.server)
        return ()


@asynccontextmanager
async def opened(
    *,
    servers: Sources,
    inbox: Inbox,
    accounts: Collection[Address],
    cursor: LedgerIndex | None,
    open_channels: Callable[[], Collection[ChannelId]],
    settings: StreamSettings,
    links: Sequence[asyncio.Task[None]],
) -> AsyncIterator[Stream]:
    """Open a stream over what ``links`` write into ``inbox``, until the context is left."""
    outbox = Outbox()
    sequence = LedgerSequence(accounts, cursor=cursor, servers=len(links))
    servers.newest = lambda: sequence.newest
    catch_up = CatchUp(
        servers=servers,
        accounts=accounts,
        sequence=sequence,
        outbox=outbox,
        open_channels=open_channels,
        settings=settings,
    )
    stream = Stream(
        servers=servers, inbox=inbox, outbox=outbox, sequence=sequence, catch_up=catch_up
    )
    tasks = [
        asyncio.create_task(stream.pump(), name="stream"),
        asyncio.create_task(catch_up.run(), name="catch up"),
    ]
    outbox.watch([*tasks, *links])
    try:
        yield stream
    finally:
        inbox.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
