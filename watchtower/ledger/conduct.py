"""How we treat one server, and how it treats us: its pace and its reputation, by the loop's clock.

The shell around `Pace` and `Reputation`. What it guarantees: a request waits for its turn, one
behind the other, and never for a connection; a fault is logged when it costs a server its rank.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog

from watchtower.errors import AnswerError, LedgerError, RequestRefusedError, RequestTimeoutError
from watchtower.ledger.health import (
    HealthEvent,
    MessageRejected,
    ServerAhead,
    ServerLagging,
    ServersDisagreed,
)
from watchtower.ledger.pacing import Pace
from watchtower.ledger.reputation import Fault, Reputation

__all__ = ["Conduct", "fault_told_by"]

_log = structlog.get_logger(__name__)

_BUSY: Final = frozenset(
    {"slowDown", "tooBusy", "noCurrent", "noClosed", "noNetwork", "notSynced", "internal"}
)
"""Errors of a server that could answer at a better time (rippled ErrorCodes.h)."""


class Conduct:
    """The manners between us and one server."""

    def __init__(self, server: str, *, exempt: bool) -> None:
        """Begin without a fault; a server that is ``exempt`` is asked freely until it warns."""
        self._server = server
        self._pace = Pace(exempt=exempt)
        self._reputation = Reputation()
        self._turn = asyncio.Lock()

    @property
    def rank(self) -> int:
        """How far behind faultless servers it stands; 0 for one of them."""
        return self._reputation.rank(now=_now())

    @property
    def fault(self) -> str:
        """Why it stands where it does; empty for a faultless server."""
        return self._reputation.why(now=_now())

    @property
    def is_paced(self) -> bool:
        """Whether a request would have to wait now."""
        return self._pace.wait(now=_now()) > 0

    async def turn(self, command: str) -> None:
        """Wait until the server may be asked; what is urgent waits for nobody."""
        if not self._pace.ask(command, now=_now()):
            return
        async with self._turn:
            while wait := self._pace.ask(command, now=_now()):  # noqa: ASYNC110 - time is awaited
                await asyncio.sleep(wait)

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Look at an answer for a warning that we ask too much."""
        if answer.get("warning") == "load":
            self._pace.warned(now=_now())
            self.blame(Fault.LOADED)

    def failed(self, failure: LedgerError) -> None:
        """Take note of how a request failed; that the connection ended is told elsewhere."""
        if isinstance(failure, RequestTimeoutError):
            self.blame(Fault.TIMED_OUT)
        elif isinstance(failure, AnswerError):
            self.blame(Fault.ANSWERED_ODDLY)
        elif isinstance(failure, RequestRefusedError) and failure.facts["error"] in _BUSY:
            self.blame(Fault.TOO_BUSY)

    def blame(self, fault: Fault) -> None:
        """Take note of what the server did wrong."""
        now = _now()
        before = self._reputation.rank(now=now)
        self._reputation.blame(fault, now=now)
        if not before and self._reputation.rank(now=now):
            _log.info("server_ranked_down", server=self._server, why=fault.value)


def fault_told_by(event: HealthEvent, server: str) -> Fault | None:
    """Return what an event says against ``server``; None if nothing."""
    match event:
        case ServersDisagreed() if server in event.suspects:
            return Fault.DISAGREED
        case ServerLagging() if server == event.server:
            return Fault.LAGGED
        case ServerAhead() if server == event.server:
            return Fault.RAN_AHEAD
        case MessageRejected() if server == event.server:
            return Fault.TOLD_ODDLY
        case _:
            return None


def _now() -> float:
    return asyncio.get_running_loop().time()
