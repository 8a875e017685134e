"""Who signs receipts for what a group brought, once that is on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec.structs import replace

from watchtower.claims.answer import Answer
from watchtower.claims.receipt import Held, receipts_for

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

    def sign(
        self, answers: Sequence[Answer], on_disk: Callable[[Held], Held]
    ) -> tuple[Answer, ...]:
        """Return answers with a receipt in each whose claim is on disk, one signature for all.

        ``on_disk`` says what is there now for what was decided: of several claims on a channel
        that came together only the highest is.
        """
        if self.seal is None:
            return tuple(answers)
        there = [None if one.held is None else on_disk(one.held) for one in answers]
        leaves: dict[Held, int] = {}
        for held in there:
            if held is not None:
                # A channel is one leaf, however many claims there were.
                leaves.setdefault(held, len(leaves))
        if not leaves:
            return tuple(answers)
        receipts = receipts_for(
            list(leaves),
            tower=self.seal.public_key,
            at=int(self.clock() * _MILLISECONDS),
            sign=self.seal.sign,
        )
        return tuple(
            one if held is None else replace(one, held=held, receipt=receipts[leaves[held]])
            for one, held in zip(answers, there, strict=True)
        )
