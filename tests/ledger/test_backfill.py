"""Missed ledgers from account_tx: complete, or refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.backfill import read_facts
from watchtower.ledger.events import ChannelChanged
from watchtower.ledger.sequence import Gap
from watchtower.ledger.servers import Servers
from watchtower.units import Address, LedgerIndex

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
GAP = Gap(LedgerIndex(11), LedgerIndex(15))

Start = Callable[..., Awaitable[Any]]


async def missed(chain: Any, ledgers: int = 5, each: int = 2) -> None:
    """Let ledgers pass, each with transactions."""
    chain.open(1)
    for _ in range(ledgers):
        for _ in range(each):
            chain.pay(1, 1)
        await chain.close()


async def read(server: Any, *accounts: Address) -> list[Any]:
    """Read the gap from one server."""
    async with Servers.connected([server.url]) as servers:
        [link] = servers.ready()
        return list(await read_facts(link, GAP, accounts or (PAYEE,)))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("page", [1, 3, 200])
async def test_every_fact_comes_once_and_in_order(
    chain: Any, start: Start, page: int, version: int
) -> None:
    """Whatever the size of pages and the version of the API."""
    await missed(chain)
    server = await start(page=page, version=version)
    facts = await read(server, PAYEE)

    assert [fact.entry.balance for fact in facts] == list(range(1, 11))
    assert facts == sorted(facts, key=lambda fact: fact.at)


async def test_a_transaction_between_two_accounts_of_ours_is_told_once(
    chain: Any, start: Start
) -> None:
    """Both accounts' histories have it."""
    await missed(chain)
    server = await start()
    facts = await read(server, PAYEE, PAYER)

    assert len([fact for fact in facts if isinstance(fact, ChannelChanged)]) == 10
    assert len(facts) == len(set(facts)) == 20


async def test_facts_of_several_accounts_are_in_one_order(chain: Any, start: Start) -> None:
    """Each account has its own history, and there is one order of things."""
    other = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
    chain.open(1)
    chain.open(2, destination=other)
    for _ in range(5):
        chain.pay(1, 1)
        chain.pay(2, 1)
        await chain.close()
    server = await start()
    facts = await read(server, PAYEE, other)

    assert len(facts) == 10
    assert facts == sorted(facts, key=lambda fact: fact.at)


async def test_history_that_is_deleted_while_it_is_read_does_not_count(
    chain: Any, start: Start
) -> None:
    """Online deletion takes old ledgers away at any time."""
    await missed(chain)
    server = await start()

    async def delete() -> None:
        server.before.clear()
        server.validated_ledgers = "13-16"
        await chain.close()

    server.before["account_tx"] = delete
    with pytest.raises(AnswerError, match="13-16, not 11-15"):
        await read(server)

    assert server.count("account_tx") == 1


async def test_a_server_with_holes_is_not_even_asked(chain: Any, start: Start) -> None:
    """It would answer as if nothing had happened in them."""
    await missed(chain)
    server = await start(validated_ledgers="2-12,14-15")
    with pytest.raises(AnswerError, match="2-12,14-15, not 11-15"):
        await read(server)

    assert server.count("account_tx") == 0


@pytest.mark.parametrize("clamp", [(12, 15), (11, 14)])
async def test_a_range_that_was_cut_is_refused(
    chain: Any, start: Start, clamp: tuple[int, int]
) -> None:
    """The answer's own bounds are the only sign of it."""
    await missed(chain)
    server = await start(clamp=clamp)
    with pytest.raises(AnswerError, match=f"ledgers {clamp[0]}-{clamp[1]}, not 11-15"):
        await read(server)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ledger_index_min": None}, "it answered for ledgers"),
        ({"validated": False}, "not validated"),
        ({"transactions": None}, "no transactions"),
        ({"transactions": ["what"]}, "a row is not of a validated ledger"),
        ({"transactions": [{"validated": False, "meta": {}}]}, "not of a validated ledger"),
        ({"transactions": [{"validated": True, "meta": "0102"}]}, "no metadata"),
        (
            {"transactions": [{"validated": True, "meta": {}, "ledger_index": 99}]},
            "of ledger 99, outside",
        ),
        (
            {"transactions": [{"validated": True, "meta": {}, "tx": {}, "ledger_index": 11}]},
            "affected nodes|hash",
        ),
        ({"marker": "same", "transactions": []}, "circles"),
    ],
)
async def test_an_answer_that_cannot_be_relied_on_is_refused(
    chain: Any, start: Start, change: dict[str, Any], why: str
) -> None:
    """A row that is passed over would be a fact that never comes."""
    await missed(chain)
    page = {"ledger_index_min": 11, "ledger_index_max": 15, "validated": True, "transactions": []}
    server = await start()
    server.answers["account_tx"] = {"result": {**page, **change}}
    with pytest.raises(AnswerError, match=why):
        await read(server)


async def test_an_account_that_does_not_exist_has_no_history(chain: Any, start: Start) -> None:
    """A payee may be watched before it is funded."""
    await missed(chain)
    server = await start()
    server.refuse["account_tx"] = {"error": "actNotFound"}

    assert await read(server) == []


async def test_a_refusal_is_raised_as_it_is(chain: Any, start: Start) -> None:
    """The caller asks another server."""
    await missed(chain)
    server = await start()
    server.refuse["account_tx"] = {"error": "lgrIdxsInvalid", "error_message": "Invalid."}
    with pytest.raises(RequestRefusedError, match="lgrIdxsInvalid"):
        await read(server, PAYEE, PAYER)
