"""What presses, in sums that cost what changed and not what is watched. Pure.

Of channels on which nothing presses no judgement is kept (``incoming.py``), and none is counted
here. The sums are those that counting anew would give, at any time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final

from watchtower.judgement.judge import Judgement
from watchtower.judgement.verdict import Closed, Threatened
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["Pressing"]

_ROOM: Final = 1_000
"""Times of before that may wait to be thrown away, beside as many as there are channels."""


class Pressing:
    """Sums over the judgements that are kept.

    Attributes:
        unprotectable: channels that are open and for which protection cannot be promised.
        unprotectable_at_stake: the drops at stake on them.
        threatened_at_stake: the drops at stake on channels that will end.
    """

    def __init__(self) -> None:
        """Begin with no judgement."""
        self.unprotectable = 0
        self.unprotectable_at_stake = Drops(0)
        self.threatened_at_stake = Drops(0)
        self._verdicts: dict[str, int] = {}
        self._ends = _Nearest()
        self._promised_ends = _Nearest()

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many channels have each verdict, by its name in lower case."""
        return self._verdicts

    @property
    def nearest(self) -> RippleTime | None:
        """The earliest ledger time until which redeeming a threatened channel is sure; or None."""
        return self._ends.earliest

    @property
    def nearest_promised(self) -> RippleTime | None:
        """The same, without channels whose settle delay is too short for a promise."""
        return self._promised_ends.earliest

    def changed(
        self, channel: ChannelId, before: Judgement | None, after: Judgement | None
    ) -> None:
        """Count a channel by ``after`` in place of ``before``; None is one that is not kept."""
        if before is not None:
            self._count(before, -1)
        if after is not None:
            self._count(after, 1)
        verdict = None if after is None else after.verdict
        end = verdict.deadline if isinstance(verdict, Threatened) else None
        self._ends.put(channel, end)
        is_promised = after is not None and after.left_time
        self._promised_ends.put(channel, end if is_promised else None)

    def _count(self, judgement: Judgement, sign: int) -> None:
        verdict = judgement.verdict
        name = type(verdict).__name__.lower()
        self._verdicts[name] = self._verdicts.get(name, 0) + sign
        if isinstance(verdict, Threatened):
            self.threatened_at_stake = Drops(self.threatened_at_stake + sign * judgement.at_stake)
        if not judgement.protectable and not isinstance(verdict, Closed):
            self.unprotectable += sign
            self.unprotectable_at_stake = Drops(
                self.unprotectable_at_stake + sign * judgement.at_stake
            )


class _Nearest:
    """Times of channels, of which the earliest is at hand."""

    def __init__(self) -> None:
        self._times: dict[ChannelId, RippleTime] = {}
        self._sorted: list[tuple[RippleTime, ChannelId]] = []

    @property
    def earliest(self) -> RippleTime | None:
        waiting = self._sorted
        while waiting and self._times.get(waiting[0][1]) != waiting[0][0]:
            heapq.heappop(waiting)
        return waiting[0][0] if waiting else None

    def put(self, channel: ChannelId, time: RippleTime | None) -> None:
        """Set a channel's time; None is none."""
        if time is None:
            self._times.pop(channel, None)
        elif self._times.get(channel) != time:
            self._times[channel] = time
            heapq.heappush(self._sorted, (time, channel))
            self._tidy()

    def _tidy(self) -> None:
        """Throw away times of before: a payer who moves its close request all day costs no room."""
        if len(self._sorted) > 2 * len(self._times) + _ROOM:
            self._sorted = [(time, name) for name, time in self._times.items()]
            heapq.heapify(self._sorted)
