"""What happens in a tower, counted as it happens.

Each method is handed to whoever knows: the feed, the desk's teller, the door for claims, the store,
the HTTP interface. None of them waits, fails or decides anything, and nobody needs to know that
somebody counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from watchtower.metrics import catalogue
from watchtower.metrics.counting import Counts
from watchtower.units import ChannelId, LedgerIndex, RippleTime

__all__ = ["Measures"]

_Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]

_FROM_NOTHING: Final = (
    catalogue.REDEEMED,
    catalogue.FEES,
    catalogue.REACTION,
    catalogue.CLOSE_TO_PAID,
    catalogue.CLOSE_TO_PAID_LEDGERS,
    catalogue.CLAIM_ANSWER,
    catalogue.COMMIT,
)
_REDEEM: Final = "redeem"
_ELSEWHERE: Final = ("kept", "elsewhere")
_FORGOTTEN: Final = frozenset({"renewed", "channel_closed"})
_RAISING: Final = frozenset({"claim_kept", "funded"})
"""What puts something at stake on a channel on which nothing was."""

_THREATENED: Final = "Threatened"
"""The verdict by which something is at stake on a channel that will end, as the journal has it."""


class Measures:
    """Counts for one tower.

    Attributes:
        broker: whether the broker is connected; None where none is named.
        head_age: returns how long ago heads were compared; None where there are none.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin at 0; ``clock`` is steady, in seconds."""
        # What only grows is told from 0 on: else its first step would be no growth.
        self.counts = Counts(_FROM_NOTHING)
        self.broker: bool | None = None
        self.head_age: Callable[[], float | None] | None = None
        self._clock = clock
        self._asked: dict[ChannelId, _Asked] = {}
        self._threatened: set[ChannelId] = set()

    def told(self, lines: Iterable[_Line], now: RippleTime | None) -> None:
        """Count what the journal is told; ``now`` is the newest ledger time that is known."""
        for kind, channel, ledger, facts in lines:
            self.counts.add(catalogue.HAPPENINGS, (kind,))
            if kind == "attempt_made":
                purpose = facts.get("purpose", _REDEEM)
                self.counts.add(catalogue.ATTEMPTS, (purpose,))
                if purpose == _REDEEM:
                    self._react(channel)
            elif kind == "attempt_settled":
                self._settle(channel, ledger, facts, now)
            elif channel is None:
                continue
            elif kind == "close_requested":
                self._asked.setdefault(channel, _Asked(self._clock(), ledger, now))
            elif kind == "judged":
                is_threatened = facts["verdict"] == _THREATENED
                (self._threatened.add if is_threatened else self._threatened.discard)(channel)
            elif kind in _RAISING:
                self._raise(channel)
            elif kind in _FORGOTTEN:
                self._asked.pop(channel, None)
                self._threatened.discard(channel)

    def told_people(self, alarm: str, kind: str) -> None:
        """Count that an alarm was told, and why now."""
        self.counts.add(catalogue.NOTICES, (alarm, kind))

    def answered(self, answers: Iterable[tuple[str, str]], seconds: float) -> None:
        """Count claims by the words of their two answers, and how long these took."""
        for answer in answers:
            self.counts.add(catalogue.CLAIMS, answer)
        self.counts.note(catalogue.CLAIM_ANSWER, seconds)

    def answered_elsewhere(self, claims: int) -> None:
        """Count claims that another process has kept: what it answered is not known here."""
        if claims:
            self.counts.add(catalogue.CLAIMS, _ELSEWHERE, by=claims)

    def committed(self, seconds: float) -> None:
        """Note how long the disk took."""
        self.counts.note(catalogue.COMMIT, seconds)

    def requested(self, route: str, status: int) -> None:
        """Count a request that was answered."""
        self.counts.add(catalogue.HTTP_REQUESTS, (route, f"{status // 100}xx"))

    def connected(self, is_connected: bool) -> None:  # noqa: FBT001 - the one thing it is told
        """Note whether the broker is there."""
        self.broker = is_connected

    def _raise(self, channel: ChannelId) -> None:
        """Start the clock anew where a close request had nothing to be reacted to until now.

        With something at stake it runs on: else a payer who signs on and on would make any
        reaction look quick.
        """
        asked = self._asked.get(channel)
        if asked is not None and channel not in self._threatened:
            asked.at = self._clock()

    def _react(self, channel: ChannelId | None) -> None:
        asked = None if channel is None else self._asked.get(channel)
        if asked is not None and not asked.is_answered:
            asked.is_answered = True
            self.counts.note(catalogue.REACTION, self._clock() - asked.at)

    def _settle(
        self,
        channel: ChannelId | None,
        ledger: LedgerIndex | None,
        facts: Mapping[str, Any],
        now: RippleTime | None,
    ) -> None:
        self.counts.add(catalogue.OUTCOMES, (facts["outcome"],))
        self.counts.add(catalogue.FEES, by=facts["fee"] or 0)
        if facts["outcome"] != "paid":
            return
        self.counts.add(catalogue.REDEEMED, by=facts["paid"] or 0)
        asked = None if channel is None else self._asked.pop(channel, None)
        if asked is None:
            return
        if ledger is not None and asked.ledger is not None:
            self.counts.note(catalogue.CLOSE_TO_PAID_LEDGERS, max(0, ledger - asked.ledger))
        if now is not None and asked.time is not None:
            self.counts.note(catalogue.CLOSE_TO_PAID, max(0, now - asked.time))


class _Asked:
    """When a close request was learnt of, and whether anything has left since.

    ``at`` is when there was something to be done about it, on the steady clock; ``ledger`` and
    ``time`` are those of the request.
    """

    __slots__ = ("at", "is_answered", "ledger", "time")

    def __init__(self, at: float, ledger: LedgerIndex | None, time: RippleTime | None) -> None:
        self.at = at
        self.ledger = ledger
        self.time = time
        self.is_answered = False
