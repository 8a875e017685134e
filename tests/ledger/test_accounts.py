"""Accounts as a validated ledger has them, and what transactions did to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import AnswerError
from watchtower.ledger.decode import decode_transaction
from watchtower.ledger.events import (
    AccountChanged,
    AccountMissing,
    Fact,
    SignerListChanged,
    TicketsChanged,
    TicketsHeld,
)
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox
from watchtower.units import Address

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

Start = Callable[..., Awaitable[Any]]


async def test_metadata_and_reading_tell_the_same_of_an_account() -> None:
    """Tickets over several pages, a regular key, a signer list; and one ticket used."""
    payee, other = Person.named("payee"), Person.named("other")
    async with Sandbox() as sandbox, Hand(sandbox.url, accepts=True) as hand:
        await hand.fund(payee, other)
        told: list[Fact] = []
        for transaction in (
            {"TransactionType": "TicketCreate", "TicketCount": 230},
            {"TransactionType": "SetRegularKey", "RegularKey": other.address},
            {
                "TransactionType": "SignerListSet",
                "SignerQuorum": 1,
                "SignerEntries": [{"SignerEntry": {"Account": other.address, "SignerWeight": 1}}],
            },
        ):
            told += decode_transaction(await hand.settle(transaction, payee), [payee.address])
        async with Servers.connected([sandbox.url]) as servers:
            root, signers, tickets = await servers.read_account(payee.address)

    assert isinstance(root, AccountChanged)
    assert isinstance(signers, SignerListChanged)
    assert isinstance(tickets, TicketsHeld)
    assert [f.entry for f in told if isinstance(f, AccountChanged)][-1] == root.entry
    assert [f.signers for f in told if isinstance(f, SignerListChanged)] == [signers.signers]
    [made] = [f for f in told if isinstance(f, TicketsChanged)]
    assert made.created == tickets.tickets
    assert len(tickets.tickets) == root.entry.ticket_count == 230
    assert root.entry.regular_key == other.address


async def test_an_account_that_is_not_there_is_a_fact(start: Start) -> None:
    """An operator may configure an account before it is funded."""
    server = await start()
    server.refuse["account_info"] = {"error": "actNotFound", "ledger_index": 10, "validated": True}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        [fact] = await servers.read_account(PAYEE)
    assert isinstance(fact, AccountMissing)
    assert fact.at.ledger_index == 10


@pytest.mark.parametrize(
    "change",
    [
        {"validated": False},
        {"ledger_index": None},
        {"signer_lists": None},
        {"signer_lists": [{"SignerQuorum": 1}]},
        {"account_data": {"Account": PAYER, "Balance": "5", "Sequence": 7}},
        {"account_data": {"Account": PAYEE, "Balance": "5", "Sequence": 7, "TicketCount": 2}},
        {"account_data": {"Account": PAYEE, "Balance": -5, "Sequence": 7}},
    ],
    ids=["open", "no ledger", "silent", "no signers", "another", "tickets hidden", "negative"],
)
async def test_an_account_that_cannot_be_relied_on_is_refused(
    start: Start, change: dict[str, Any]
) -> None:
    """Another server is asked; nothing of it is believed in part."""
    server = await start()
    data = {"Account": PAYEE, "Balance": "5000000", "Sequence": 7}
    good = {"account_data": data, "signer_lists": [], "ledger_index": 10, "validated": True}
    server.answers["account_info"] = {"result": {**good, **change}}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError):
            await servers.read_account(PAYEE)
