"""What became of a channel until now: what was tried on it, and its story, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from watchtower.interfaces.story import in_order
from watchtower.response.attempt import Attempt
from watchtower.store.journal import NumberedEntry
from watchtower.store.work import Work
from watchtower.units import ChannelId

__all__ = ["Past", "past_of"]

_ATTEMPTS: Final = 20
"""Attempts on one channel that are told of: the newest."""


class Past(NamedTuple):
    """What became of a channel, the newest first.

    ``attempts_in_all`` is how many there are, of which ``attempts`` are the newest; ``story`` goes
    on with the entries before the number ``goes_on_before``, which is None at its beginning.
    """

    attempts: Sequence[Attempt]
    attempts_in_all: int
    story: Sequence[NumberedEntry]
    goes_on_before: int | None


async def past_of(work: Work, channel: ChannelId, before: int | None, limit: int) -> Past:
    """Return what was tried on a channel, and ``limit`` entries of its story at most.

    The entries are the newest of those whose number is below ``before``; of all without it. However
    long a story is, no more of it is read. What was learnt a moment ago may be missing: it is told
    to whoever follows before it is on disk.
    """
    attempts, count = await work.attempts.newest_for_channel(channel, _ATTEMPTS)
    found = await work.journal.story_below(channel, before, limit + 1)
    entries, older = found[:limit], found[limit:]
    return Past(
        attempts=attempts,
        attempts_in_all=count,
        story=in_order(reversed(entries))[::-1],
        goes_on_before=entries[-1].number if older else None,
    )
