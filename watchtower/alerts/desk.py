"""The desk where alarms come together: what stands now, and telling it to people.

The rules of what to tell are `rules.py`; the desk only brings them a clock (monotonic, so that a
jump of the host's time neither silences nor repeats an alarm) and hands on what they answer: one
message for an outage of all servers (`outage.py`), through the quiet hours (`quiet.py`), and as few
messages where many alarms come at once (`crowd.py`). It also translates what is wrong with servers,
one health event at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from watchtower.alerts import catalogue
from watchtower.alerts.crowd import Crowd
from watchtower.alerts.outage import Outage
from watchtower.alerts.quiet import Quiet
from watchtower.alerts.rules import GUIDE, Alarm, AlarmBoard, Notice
from watchtower.ledger.health import (
    HealthEvent,
    HistoryMissing,
    HistoryRecovered,
    MessageRejected,
    ServerAhead,
    ServerAmendmentBlocked,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    ServerSilent,
    ServerUnconfirmed,
    ServerUnreachable,
    StateReconciled,
    Trouble,
    WrongNetworkServed,
)
from watchtower.units import LedgerIndex

__all__ = ["Desk", "Teller"]

_ALARM_OF: Final = {
    Trouble.UNREACHABLE: "server_unreachable",
    Trouble.SILENT: "server_silent",
    Trouble.LAGGING: "server_lagging",
    Trouble.AMENDMENT_BLOCKED: "server_amendment_blocked",
    Trouble.WRONG_NETWORK: "server_wrong_network",
    Trouble.DISAGREEING: "servers_disagree",
    Trouble.AHEAD: "server_ahead",
    Trouble.UNCONFIRMED: "server_unconfirmed",
}

_log = structlog.get_logger(__name__)

_LONG: Final = 75
"""Ledgers for which the cursor may stand still: some five minutes, enough to read long history."""


class Teller(Protocol):
    """Whoever tells people."""

    def tell(self, notice: Notice) -> None:
        """Hand on one notice, without waiting."""
        ...


class Desk:
    """Takes alarms and health events, and has them told."""

    def __init__(
        self,
        teller: Teller,
        *,
        repeat_after: float,
        escalate_after: int = 0,
        guide: str = GUIDE,
        clock: Callable[[], float] = time.monotonic,
        is_quiet: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin with nothing standing; ``is_quiet`` says whether these are the quiet hours."""
        self._teller = teller
        self._board = AlarmBoard(
            repeat_after=repeat_after, escalate_after=escalate_after, guide=guide
        )
        self._outage = Outage()
        self._quiet = Quiet()
        self._crowd = Crowd()
        self._clock = clock
        self._is_quiet = is_quiet
        self._history_missing: str | None = None
        self._accounted: LedgerIndex | None = None
        self._moved_in: LedgerIndex | None = None

    def hold_to(
        self,
        *,
        repeat_after: float,
        escalate_after: int,
        guide: str,
        is_quiet: Callable[[], bool],
    ) -> None:
        """Tell by other rules from now on; what was held back is told once it is not quiet."""
        self._board.hold_to(repeat_after, escalate_after, guide, now=self._clock())
        self._is_quiet = is_quiet

    def stand(self, alarm: Alarm) -> None:
        """Take note that ``alarm`` stands now; cheap to repeat."""
        self._tell(self._board.stand(alarm, now=self._clock()))

    def end(self, name: str, subject: str) -> None:
        """Take note that an alarm does not stand."""
        self._tell(self._board.end(name, subject, now=self._clock()))

    def happen(self, alarm: Alarm) -> None:
        """Tell what has no end."""
        self._tell(self._board.happen(alarm, now=self._clock()))

    def look(self) -> None:
        """Tell again what goes on, and what was held back until now; call it now and then."""
        self._tell(self._board.due(now=self._clock()))
        self._pass_on(self._outage.due(now=self._clock()))
        if len(self._quiet) and not self._is_quiet():
            self._hand_on(self._quiet.release())
        for notice in self._crowd.due(now=self._clock()):
            self._teller.tell(notice)

    def standing(self) -> tuple[Alarm, ...]:
        """Return what stands now, the most severe first."""
        return self._board.standing()

    def progress(self, accounted: LedgerIndex | None, newest: LedgerIndex | None) -> None:
        """Take note how far history is accounted for, and how far it has gone on.

        Whatever holds the cursor up, known or not, is an alarm once it does so for long.
        """
        if newest is None or accounted != self._accounted or self._moved_in is None:
            self._accounted, self._moved_in = accounted, newest
            self.end("cursor_stuck", "cursor")
        elif newest - self._moved_in >= _LONG:
            first = LedgerIndex(self._moved_in if accounted is None else accounted + 1)
            self.stand(catalogue.cursor_stuck(first, behind=newest - first))

    def health(self, event: HealthEvent) -> None:
        """Take note of what is wrong, or right again, with the servers."""
        match event:
            case ServerUnreachable():
                self.stand(catalogue.server_unreachable(event.server, why=event.why))
            case ServerSilent():
                self.stand(catalogue.server_silent(event.server, seconds=event.seconds))
            case ServerLagging():
                behind = event.best - event.ledger_index
                self.stand(catalogue.server_lagging(event.server, behind=behind))
            case ServerAhead():
                ahead = event.ledger_index - event.best
                self.stand(catalogue.server_ahead(event.server, ahead=ahead))
            case ServerUnconfirmed():
                index = event.ledger_index
                self.stand(catalogue.server_unconfirmed(event.server, ledger_index=index))
            case ServerAmendmentBlocked():
                self.stand(catalogue.server_amendment_blocked(event.server))
            case WrongNetworkServed():
                alarm = catalogue.server_wrong_network(
                    event.server, found=event.found, wanted=event.wanted
                )
                self.stand(alarm)
            case ServersDisagreed():
                self._disagreed(event)
            case ServerRecovered():
                self.end(_ALARM_OF[event.trouble], event.server)
            case _:
                self._history(event)

    def _history(
        self, event: MessageRejected | HistoryMissing | HistoryRecovered | StateReconciled
    ) -> None:
        if isinstance(event, HistoryMissing):
            alarm = catalogue.history_missing(first=event.first, last=event.last, why=event.why)
            if self._history_missing not in {None, alarm.subject}:
                self.end("history_missing", str(self._history_missing))
            self._history_missing = alarm.subject
            self.stand(alarm)
        elif isinstance(event, HistoryRecovered):
            self.end("history_missing", self._history_missing or "")
            self._history_missing = None
        elif isinstance(event, MessageRejected):
            self.happen(catalogue.message_rejected(event.server, why=event.why))

    def _disagreed(self, event: ServersDisagreed) -> None:
        hashes = event.hashes
        for server in event.suspects:
            other = min(name for name in hashes if hashes[name] != hashes[server])
            self.stand(
                catalogue.servers_disagree(server, other=other, ledger_index=event.ledger_index)
            )

    def _tell(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._pass_on(self._outage.take(notice, now=self._clock()))

    def _pass_on(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            held = len(self._quiet)
            self._hand_on(self._quiet.take(notice, is_quiet=self._is_quiet()))
            if len(self._quiet) > held:
                alarm = notice.alarm
                _log.info("held_back", name=alarm.name, subject=alarm.subject, what=alarm.sentence)

    def _hand_on(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            for told in self._crowd.take(notice, now=self._clock()):
                self._teller.tell(told)
