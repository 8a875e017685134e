"""What links write down: in order, never waiting, and bounded."""

from __future__ import annotations

import asyncio

from watchtower.ledger.inbox import Heard, Inbox, Misheard, Note, Subscribed


async def drain(inbox: Inbox, count: int) -> list[Note]:
    """Take ``count`` notes."""
    async with asyncio.timeout(5):
        return [await inbox.take() for _ in range(count)]


async def test_notes_come_out_in_the_order_in_which_they_went_in() -> None:
    """The order of one connection is what the sequence is built on."""
    inbox = Inbox()
    inbox.open()
    inbox.subscribed("a", {"ledger_index": 1})
    inbox.heard("a", {"n": 1})
    inbox.misheard("a")
    inbox.heard("a", {"n": 2})

    assert await drain(inbox, 4) == [
        Subscribed("a", {"ledger_index": 1}),
        Heard("a", {"n": 1}),
        Misheard("a"),
        Heard("a", {"n": 2}),
    ]


async def test_a_receiver_that_sleeps_does_not_fill_the_memory() -> None:
    """What does not fit is left out, and its server is noted as misheard, once."""
    inbox = Inbox(room=3)
    inbox.open()
    for number in range(1_000):
        inbox.heard("a", {"n": number})
        inbox.heard("b", {"n": number})

    assert await drain(inbox, 5) == [
        Heard("a", {"n": 0}),
        Heard("b", {"n": 0}),
        Heard("a", {"n": 1}),
        Misheard("b"),
        Misheard("a"),
    ]
    inbox.heard("a", {"n": 1_000})
    assert await drain(inbox, 1) == [Heard("a", {"n": 1_000})]


async def test_nothing_is_kept_for_nobody() -> None:
    """A command that asks one question has no stream to read the notes."""
    inbox = Inbox()
    inbox.heard("a", {"n": 1})
    inbox.open()
    inbox.heard("a", {"n": 2})
    inbox.close()
    inbox.open()
    inbox.heard("a", {"n": 3})

    assert await drain(inbox, 1) == [Heard("a", {"n": 3})]
