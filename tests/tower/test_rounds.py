"""The small rounds: a claim that comes while they look is not overlooked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from typing_extensions import override

from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.tower.tending import Rhythm, Rounds


class _Rounds(Rounds):
    """Rounds that tell nobody how things are."""

    @override
    async def tell_status(self) -> None:
        """Nothing is asked of that here."""

    @override
    async def look_at_keys(self) -> None:
        """Nor of keys."""


class Scene:
    """A store in which nothing waits, until a claim comes just as that is being read."""

    def __init__(self) -> None:
        self.settled = 0
        self.comes_while_reading = True

        async def nothing() -> None:
            return None

        tower = SimpleNamespace(save=nothing, watch=Watch([], Policy()))
        desk = SimpleNamespace(progress=lambda *_: None, look=lambda: None)
        self.rounds = _Rounds(
            cast("Any", tower),
            store=cast("Any", self),
            servers=cast("Any", None),
            desk=cast("Any", desk),
            foresight=cast("Any", SimpleNamespace(look_ahead=nothing, spenders=list)),
            pending=cast("Any", self),
            restraint=cast("Any", SimpleNamespace(look=nothing)),
            coverage=cast("Any", SimpleNamespace(look=nothing)),
            looks=[nothing],
            journal_number=0,
            shadow=False,
            rhythm=Rhythm(),
        )

    async def settle(self) -> None:
        """Decide about those that wait."""
        self.settled += 1

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """One moment of the store."""
        yield SimpleNamespace(claims=self)

    async def count_pending(self) -> int:
        """None waits in the moment that is read; one comes behind it."""
        if self.comes_while_reading:
            self.comes_while_reading = False
            self.rounds.expect_pending()
        return 0


async def test_a_claim_that_comes_while_the_round_looks_is_decided_in_the_next() -> None:
    """It was acknowledged, and nobody would ask for it again."""
    scene = Scene()
    for _ in range(3):
        await scene.rounds.tend()
    assert scene.settled == 2
