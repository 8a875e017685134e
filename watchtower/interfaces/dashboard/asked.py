"""What the dashboard asks of a tower that runs: the smallest that its pages need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from watchtower.interfaces.channel_view import View
from watchtower.interfaces.past import Past
from watchtower.units import ChannelId

__all__ = ["Asked"]


@runtime_checkable
class Asked(Protocol):
    """Who answers for one tower."""

    @property
    def guide(self) -> str:
        """The address of the document that says what each alarm means."""
        ...

    async def report(self) -> Mapping[str, Any]:
        """Return what ``watchtower status --json`` tells of this moment, but for its answer.

        Raises:
            StoreError: the store cannot be read.
        """
        ...

    async def channel(self, channel_id: ChannelId) -> View | None:
        """Return a channel as it is known now, also one that has closed."""
        ...

    async def past(self, channel_id: ChannelId, before: int | None, limit: int) -> Past:
        """Return what was tried on a channel, and ``limit`` entries of its story at most.

        Args:
            channel_id: whose story it is.
            before: the number of an entry, behind which everything is left out; None for none.
            limit: how many.

        Raises:
            StoreError: the store cannot be read.
        """
        ...
