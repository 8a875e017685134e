"""Submissions: to all servers, beside the tower, and never believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.submit import Answer, Submitter
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

NOW = LedgerIndex(10)

ATTEMPT = Attempt(
    channel=ChannelId("C" * 64),
    account=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
    seat=Seat(7),
    target=Drops(30),
    balance_before=Drops(5),
    fee=Drops(10),
    last_ledger=LedgerIndex(107),
    made_in=LedgerIndex(99),
    transaction=TxHash("A" * 64),
    blob="00",
)


@dataclass(frozen=True)
class Word:
    """What one server answers."""

    engine_result: str | None
    server: str = "wss://one"
    message: str = ""
    open_ledger_cost: Drops | None = None


@dataclass
class Servers:
    """Servers beyond this machine: they answer what they are told to, when they are let."""

    words: list[Word]
    blobs: list[str] = field(default_factory=list)
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    blamed: list[str] = field(default_factory=list)

    def misjudged(self, server: str) -> None:
        """Note who is blamed."""
        self.blamed.append(server)

    async def submit(self, blob: str) -> Sequence[Answer]:
        """Take a blob, and answer once `answer` is set."""
        self.blobs.append(blob)
        await self.answer.wait()
        return self.words


@pytest.fixture
async def servers() -> Servers:
    """Servers that answer at once."""
    servers = Servers([Word("tesSUCCESS")])
    servers.answer.set()
    return servers


@pytest.fixture
async def submitter(servers: Servers) -> AsyncIterator[Submitter]:
    """A submitter at work."""
    made = Submitter(servers)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def settle(servers: Servers, sent: int) -> None:
    """Wait until ``sent`` submissions have left, and their answers were weighed."""
    async with asyncio.timeout(10):
        while len(servers.blobs) < sent:  # noqa: ASYNC110 - a turn of the loop, no time passes
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_attempt_under_way_is_not_sent_twice_at_once(
    servers: Servers, submitter: Submitter
) -> None:
    """Duplicate submissions to one server race, and the loser's code is wrong (rippled 4957)."""
    servers.answer.clear()
    submitter.send(ATTEMPT, NOW)
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    assert servers.blobs == ["00"]
    servers.answer.set()
    await settle(servers, 1)
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 2)
    assert len(servers.blobs) == 2


async def test_hanging_submission_does_not_hold_up_another(
    servers: Servers, submitter: Submitter
) -> None:
    """Sending runs beside the tower."""
    servers.answer.clear()
    submitter.send(ATTEMPT, NOW)
    submitter.send(replace(ATTEMPT, transaction=TxHash("B" * 64), blob="01"), NOW)
    await settle(servers, 2)
    assert servers.blobs == ["00", "01"]


async def test_what_waits_in_the_queue_is_refused_by_itself_and_waits_on(
    servers: Servers, submitter: Submitter
) -> None:
    """Sent again it counts as a replacement that pays no more; of another one that is true."""
    servers.words = [Word("terQUEUED")]
    submitter.send(ATTEMPT, NOW)
    await submitter.drained()
    servers.words = [Word("telCAN_NOT_QUEUE_FEE")]
    replacement = replace(ATTEMPT, transaction=TxHash("B" * 64))
    for attempt in (ATTEMPT, replacement):
        submitter.send(attempt, NOW)
        await submitter.drained()
    assert (submitter.queued, submitter.underpriced) == (
        {ATTEMPT.transaction},
        {replacement.transaction},
    )


@pytest.mark.parametrize(
    ("results", "is_underpriced"),
    [
        (["telCAN_NOT_QUEUE_FULL", "telINSUF_FEE_P"], True),
        (["telCAN_NOT_QUEUE_FULL", "terQUEUED"], False),
        (["telCAN_NOT_QUEUE_FULL", None], True),
        ([None, None], False),
        (["tesSUCCESS"], False),
    ],
)
async def test_fee_is_raised_only_when_no_server_that_answered_took_it(
    servers: Servers, submitter: Submitter, results: list[str | None], *, is_underpriced: bool
) -> None:
    """One server that queued it is enough; silence says nothing."""
    servers.words = [Word(result) for result in results]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    assert (ATTEMPT.transaction in submitter.underpriced) is is_underpriced


async def test_alarming_result_is_remembered_until_another_answer(
    servers: Servers, submitter: Submitter
) -> None:
    """A changed key is for a person to see; it ends nothing."""
    servers.words = [Word("tefBAD_AUTH")]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    assert submitter.alarming == {ATTEMPT.transaction: "tefBAD_AUTH"}
    servers.words = [Word("tesSUCCESS")]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 2)
    assert submitter.alarming == {}


async def test_cheapest_servers_price_is_what_a_replacement_has_to_pay(
    servers: Servers, submitter: Submitter
) -> None:
    """One server that takes it is enough; one that asks for a fortune must not cost us one."""
    servers.words = [
        Word("telCAN_NOT_QUEUE_FULL", open_ledger_cost=Drops(6_000)),
        Word("telCAN_NOT_QUEUE_FULL", server="wss://two", open_ledger_cost=Drops(900_000)),
        Word("telCAN_NOT_QUEUE_FULL", server="wss://three"),
    ]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    assert submitter.asked == {ATTEMPT.transaction: 6_000}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["terQUEUED", "terQUEUED"], "queued"),
        (["terQUEUED", "tesSUCCESS"], None),
        (["tefPAST_SEQ", "tefNO_TICKET"], "unseated"),
        (["tefPAST_SEQ", "tesSUCCESS"], None),
        (["tefPAST_SEQ", None], "unseated"),
        (["terPRE_SEQ", None], "held_up"),
        (["terPRE_SEQ", "terRETRY"], None),
        (["terPRE_SEQ", "tesSUCCESS"], None),
    ],
)
async def test_queue_lost_seat_and_missing_sequence_are_believed_when_every_server_says_so(
    servers: Servers,
    submitter: Submitter,
    words: list[str | None],
    told: str | None,
) -> None:
    """One server that is behind, or lies, must not cost an attempt its seat."""
    servers.words = [Word(word) for word in words]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    heard = {"queued": submitter.queued, "unseated": submitter.unseated}
    heard["held_up"] = submitter.held_up
    assert [name for name, of in heard.items() if ATTEMPT.transaction in of] == (
        [] if told is None else [told]
    )


async def test_what_was_heard_of_a_settled_attempt_is_forgotten(
    servers: Servers, submitter: Submitter
) -> None:
    """Memory holds what is on its way, and nothing else."""
    servers.words = [Word("tefBAD_AUTH"), Word("telINSUF_FEE_P", server="wss://two")]
    submitter.send(ATTEMPT, NOW)
    await settle(servers, 1)
    submitter.keep_only({ATTEMPT.transaction})
    assert submitter.alarming
    submitter.keep_only(set())
    assert not submitter.alarming
    assert not submitter.underpriced


@pytest.mark.parametrize(
    ("result", "blamed"), [("temBAD_FEE", ["wss://liar"]), ("telINSUF_FEE_P", []), (None, [])]
)
async def test_server_that_refuses_for_good_what_the_ledger_takes_is_blamed(
    servers: Servers, submitter: Submitter, result: str | None, blamed: list[str]
) -> None:
    """A refusal that may have been true when it was given is no lie."""
    servers.words = [Word("tesSUCCESS", "wss://one"), Word(result, "wss://liar")]
    submitter.send(ATTEMPT, NOW)
    await submitter.drained()
    submitter.applied(ATTEMPT.transaction)
    submitter.applied(ATTEMPT.transaction)
    assert servers.blamed == blamed
