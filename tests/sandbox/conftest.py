"""A ledger that stands still, a hand that moves it, and three people with accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox

SOURCE = Person.named("a source")
DESTINATION = Person.named("a destination", ed25519=True)
STRANGER = Person.named("a stranger")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Return a sandbox whose clock is frozen."""
    async with Sandbox(clock=Clock.FROZEN) as box:
        yield box


@pytest.fixture
async def hand(sandbox: Sandbox) -> AsyncIterator[Hand]:
    """Return a hand in a ledger where the three have accounts."""
    async with Hand(sandbox.url, accepts=True) as hand:
        await hand.fund(SOURCE, DESTINATION, STRANGER)
        yield hand


@pytest.fixture
def source() -> Person:
    """Return who pays."""
    return SOURCE


@pytest.fixture
def destination() -> Person:
    """Return who is paid."""
    return DESTINATION


@pytest.fixture
def stranger() -> Person:
    """Return somebody else."""
    return STRANGER
