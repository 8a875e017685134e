"""Who signs receipts for what a group brought, once that is on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from watchtower.claims.receipt import Receipt
from watchtower.claims.signed import Held, receipts_for

__all__ = ["Notary"]

_MILLISECONDS: Final = 1_000


class Seal(Protocol):
    """The tower's own key."""

    @property
    def public_key(self) -> str:
        """The key that receipts are known by."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign with it."""
        ...


@dataclass(slots=True)
class Notary:
    """Says when by ``clock``, in seconds since 1970, and signs once it has a ``seal``."""

    clock: Callable[[], float]
    seal: Seal | None = None

    @property
    def tower(self) -> str | None:
        """The tower's own key, in hex; None while it has none."""
        return None if self.seal is None else self.seal.public_key

    def sign(self, answers: Sequence[Receipt]) -> tuple[Receipt, ...]:
        """Return answers with a receipt in each whose claim is on disk, one signature for all."""
        if self.seal is None:
            return tuple(answers)
        leaves: dict[Held, int] = {}
        for one in answers:
            if one.held is not None:
                # A claim that was handed over ten times is one leaf.
                leaves.setdefault(one.held, len(leaves))
        if not leaves:
            return tuple(answers)
        signed = receipts_for(
            list(leaves),
            tower=self.seal.public_key,
            at=int(self.clock() * _MILLISECONDS),
            sign=self.seal.sign,
        )
        return tuple(
            one if one.held is None else replace(one, signed=signed[leaves[one.held]])
            for one in answers
        )
