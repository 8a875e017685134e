"""The feed: what happens is told to whoever follows, while the tower runs.

What it guarantees:

- What the ledger tells is told when it is known, before it is on disk; a claim when it is on disk.
- Telling never waits and never fails, whoever follows. With nobody following it costs nothing.
- A follower that is too slow holds no more than its ``room``. What is beyond that is counted, and
  `Lagged` stands in the place where it is missing.
- It may be told twice, and in another order than it happened in: what a ledger told just before
  the daemon was killed is told again by the next one. Each says the whole of what it changed, so
  that whoever keeps states by ``ledger`` has the right ones in the end.

Whoever begins asks for the channels (``GET /v1/channels``) *after* `follow`: what happens meanwhile
is in both, and nothing is in neither. The same after `Lagged`::

    with feed.follow(Interest(kinds=frozenset({"close_requested"}))) as following:
        ...  # read the channels
        async for told in following:
            ...  # a Happening, or Lagged
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from watchtower.interfaces.happening import EVERYTHING, Happening, Interest, Lagged
from watchtower.units import ChannelId, LedgerIndex, RippleTime

__all__ = ["Feed", "Following", "Line"]

Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]
"""What the journal says of it: its kind, its channel, its ledger, its facts."""

_ROOM: Final = 4_096
"""Happenings that wait for one follower: a thousand channels that close at once are four each."""


class Following:
    """What waits for one follower, in the order in which it was told."""

    def __init__(
        self, interest: Interest, room: int, *, told: Callable[[], None] | None = None
    ) -> None:
        """Follow with ``interest``; ``told`` is called when there is something to take."""
        self.interest = interest
        self._room = room
        self._told = told
        self._waiting: deque[Happening] = deque()
        self._missed = 0
        self._something = asyncio.Event()

    def __len__(self) -> int:
        """Return how much waits, which is never more than there is room for."""
        return len(self._waiting)

    def put(self, happening: Happening) -> None:
        """Have it wait, or count it, if there is no room."""
        if len(self._waiting) < self._room:
            self._waiting.append(happening)
        else:
            self._missed += 1
        if not self._something.is_set():
            self._something.set()
            if self._told is not None:
                self._told()

    def take(self) -> list[Happening | Lagged]:
        """Return all that waits, with what is missing behind it; nothing if nothing does."""
        taken: list[Happening | Lagged] = [*self._waiting]
        if self._missed:
            taken.append(Lagged(missed=self._missed))
        self._waiting.clear()
        self._missed = 0
        self._something.clear()
        return taken

    async def next(self) -> list[Happening | Lagged]:
        """Return all that waits, once anything does."""
        await self._something.wait()
        return self.take()

    async def __aiter__(self) -> AsyncIterator[Happening | Lagged]:
        """Tell one after the other, for ever."""
        while True:
            for told in await self.next():
                yield told


class Feed:
    """Tells what happens to one tower's channels."""

    def __init__(
        self,
        ledger_time: Callable[[], RippleTime | None],
        count: Callable[[Sequence[Line], RippleTime | None], None] | None = None,
    ) -> None:
        """Tell nobody yet; ``ledger_time`` returns the newest that is known.

        ``count`` is told everything, whoever follows; it neither waits nor fails.
        """
        self._ledger_time = ledger_time
        self._count = count
        self._followers: set[Following] = set()

    @property
    def followers(self) -> int:
        """How many follow now."""
        return len(self._followers)

    def tell(self, lines: Iterable[Line]) -> None:
        """Tell what the journal says, or will say, to those that want to know."""
        if self._count is not None:
            lines = tuple(lines)
            self._count(lines, self._ledger_time())
        if not self._followers:
            return
        now = self._ledger_time()
        for kind, channel, ledger, facts in lines:
            happening: Happening | None = None
            for follower in self._followers:
                if follower.interest.has(kind, channel):
                    # One for all of them: a crowd of followers costs no more memory than one.
                    happening = happening or Happening(
                        kind=kind, channel=channel, ledger=ledger, ledger_time=now, facts=facts
                    )
                    follower.put(happening)

    @contextmanager
    def follow(
        self,
        interest: Interest = EVERYTHING,
        *,
        room: int = _ROOM,
        told: Callable[[], None] | None = None,
    ) -> Iterator[Following]:
        """Follow from now on, until the block ends.

        Args:
            interest: what to be told.
            room: how much may wait, at least one.
            told: called, once until the next `Following.take`, when something waits. It must
                neither wait nor fail.
        """
        following = Following(interest, room, told=told)
        self._followers.add(following)
        try:
            yield following
        finally:
            self._followers.discard(following)
