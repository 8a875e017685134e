"""The field's own client, unchanged, at the sandbox."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator

import pytest
from xrpl.asyncio.clients import AsyncWebsocketClient
from xrpl.asyncio.transaction import autofill_and_sign, submit_and_wait
from xrpl.clients import WebsocketClient
from xrpl.constants import CryptoAlgorithm
from xrpl.core.binarycodec import encode_for_signing_claim
from xrpl.core.keypairs import sign
from xrpl.models import (
    AccountChannels,
    AccountInfo,
    AccountTx,
    ChannelVerify,
    Ledger,
    PaymentChannelClaim,
    PaymentChannelCreate,
    PaymentChannelFund,
    Subscribe,
    TicketCreate,
    Transaction,
    Tx,
)
from xrpl.models.requests.subscribe import StreamParameter
from xrpl.wallet import Wallet

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox

SOURCE, DESTINATION = Person.named("a source"), Person.named("a destination")


def wallet(person: Person) -> Wallet:
    """Return a person as xrpl-py has people."""
    return Wallet.from_seed(person.seed, algorithm=CryptoAlgorithm.SECP256K1)


@pytest.fixture
async def client() -> AsyncIterator[AsyncWebsocketClient]:
    """Return a client at a ledger that goes on by itself, with two accounts in it."""
    async with Sandbox(clock=Clock.FAST) as box:
        async with Hand(box.url) as hand:
            await hand.fund(SOURCE, DESTINATION)
        async with AsyncWebsocketClient(box.url) as client:
            yield client


async def done(client: AsyncWebsocketClient, transaction: Transaction, person: Person) -> str:
    """Autofill, sign, submit and wait; return the hash."""
    told = await submit_and_wait(transaction, client, wallet(person))
    assert told.result["validated"] is True
    assert told.result["meta"]["TransactionResult"] == "tesSUCCESS"
    return str(told.result["hash"])


async def test_channel_lives_from_creation_to_claim_through_xrpl_pys_models(
    client: AsyncWebsocketClient,
) -> None:
    """Created, funded, verified, claimed on a ticket, and found again in every request."""
    source, destination = wallet(SOURCE), wallet(DESTINATION)
    create = PaymentChannelCreate(
        account=source.address,
        destination=destination.address,
        amount="1000000",
        settle_delay=3_600,
        public_key=source.public_key,
    )
    created = await done(client, create, SOURCE)
    channels = await client.request(AccountChannels(account=source.address))
    (channel,) = channels.result["channels"]
    identifier = channel["channel_id"]
    fund = PaymentChannelFund(account=source.address, channel=identifier, amount="500000")
    await done(client, fund, SOURCE)
    message = encode_for_signing_claim({"channel": identifier, "amount": "1200000"})
    signature = sign(bytes.fromhex(message), source.private_key)
    for amount, is_good in (("1200000", True), ("1200001", False)):
        verified = await client.request(
            ChannelVerify(
                amount=amount,
                channel_id=identifier,
                public_key=source.public_key,
                signature=signature,
            )
        )
        assert verified.result["signature_verified"] is is_good
    await done(client, TicketCreate(account=destination.address, ticket_count=1), DESTINATION)
    ticket = (await client.request(AccountInfo(account=destination.address))).result
    claim = PaymentChannelClaim(
        account=destination.address,
        channel=identifier,
        amount="1200000",
        balance="1200000",
        signature=signature,
        public_key=source.public_key,
        sequence=0,
        ticket_sequence=ticket["account_data"]["Sequence"] - 1,
    )
    claimed = await done(client, claim, DESTINATION)
    channels = await client.request(AccountChannels(account=source.address))
    assert channels.result["channels"][0]["balance"] == "1200000"
    history = await client.request(AccountTx(account=source.address))
    hashes = [row["hash"] for row in history.result["transactions"]]
    assert {created, claimed} <= set(hashes)
    found = await client.request(Tx(transaction=claimed))
    assert found.result["tx_json"]["Channel"] == identifier
    assert (await client.request(Ledger(ledger_index="validated"))).is_successful()


async def test_subscription_tells_of_ledgers_and_of_what_happens_to_an_account(
    client: AsyncWebsocketClient,
) -> None:
    """As xrpl-py's own messages, one after the other."""
    streams = Subscribe(streams=[StreamParameter.LEDGER], accounts=[SOURCE.address])
    await client.send(streams)
    tickets = await autofill_and_sign(
        TicketCreate(account=SOURCE.address, ticket_count=2), client, wallet(SOURCE)
    )
    kinds = set()
    async with AsyncWebsocketClient(client.url) as other:
        await submit_and_wait(tickets, other)
    async for message in client:
        kinds.add(message.get("type"))
        if {"ledgerClosed", "transaction"} <= kinds:
            break
    assert {"ledgerClosed", "transaction"} <= kinds


async def test_client_that_waits_in_a_thread_is_answered_too(client: AsyncWebsocketClient) -> None:
    """The other half of xrpl-py's users."""

    def ask() -> str:
        with WebsocketClient(client.url) as waiting:
            told = waiting.request(AccountInfo(account=SOURCE.address))
            return str(told.result["account_data"]["Account"])

    assert await to_thread(ask) == SOURCE.address
