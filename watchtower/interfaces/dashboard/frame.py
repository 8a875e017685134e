"""The frame that every page stands in: who looks, at what, and whether the tower is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response

from watchtower.access.gate import Gate
from watchtower.errors import DoorClosedError
from watchtower.guard.stake_history import StakeHistory
from watchtower.interfaces.dashboard.asked import Asked
from watchtower.interfaces.dashboard.entry import Entry
from watchtower.interfaces.dashboard.headers import HTML
from watchtower.interfaces.dashboard.listing import Listing
from watchtower.interfaces.dashboard.templates import render
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http.knocking import admitted

__all__ = ["Dashboard"]

_Request = Request[Any, Any, Any]

_NOBODY: Final = None


class Dashboard:
    """The dashboard of one daemon."""

    def __init__(
        self,
        asked: Asked,
        feed: Feed,
        gate: Gate,
        *,
        clock: Callable[[], float],
        steady: Callable[[], float],
        listing: Listing,
        history: StakeHistory,
    ) -> None:
        """Show nothing yet.

        Args:
            asked: who knows how the tower is.
            feed: where it is told what happens.
            gate: who may come in.
            clock: seconds since 1970.
            steady: seconds of a clock that nobody sets.
            listing: who looks through the channels.
            history: what was at stake over time.
        """
        self.asked = asked
        self.feed = feed
        self.clock = clock
        self.steady = steady
        self.listing = listing
        self.history = history
        self.entry = Entry(gate, clock=clock, steady=steady)
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """Tell whoever looks that the daemon stops, so that their connections end."""
        self.stopping.set()

    def page(
        self, request: _Request, template: str, /, *, status: int = 200, **told: Any
    ) -> Response[str]:
        """Return the page that a template makes of what it is told.

        A template that begins with ``{% extends "base.html" %}`` stands in the frame: it says its
        ``title``, which link of the navigation is ``current``, and what ``events`` it lives by.

        Raises:
            DoorClosedError: the daemon stops, and what the page would say is not true for long.
        """
        if self.stopping.is_set():
            raise DoorClosedError
        token = admitted(request).token
        who = _NOBODY if token is None else token.name
        return Response(
            render(template, who=who, now=int(self.clock()), **told),
            status_code=status,
            media_type=HTML,
        )
