"""Whether most servers run a newer release than this version was made with: told as an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchtower.alerts import of_network
from watchtower.alerts.desk import Desk
from watchtower.ledger.release import WRITTEN_WITH, common_release
from watchtower.ledger.server_state import ServerState

__all__ = ["ReleaseWatch"]


class Servers(Protocol):
    """What is asked of the servers."""

    def states(self) -> Sequence[ServerState]:
        """Return how each server is doing."""
        ...


class ReleaseWatch:
    """Looks at what ``servers`` told of themselves when they were connected to last."""

    def __init__(self, servers: Servers, desk: Desk) -> None:
        """Begin with nothing seen."""
        self._servers = servers
        self._desk = desk

    async def look(self) -> None:
        """Have the alarm stand or end; while too few tell what they run it stays as it is.

        One server, whoever runs it, raises nothing where there are two or more.
        """
        release = common_release(state.release for state in self._servers.states())
        if release is None:
            return
        if release > WRITTEN_WITH:
            self._desk.stand(of_network.servers_ahead(str(release), known=str(WRITTEN_WITH)))
        else:
            self._desk.end("servers_ahead", of_network.SERVERS)
