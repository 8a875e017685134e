"""What an account permits another to send: told by metadata, by the entry, and by what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watchtower.errors import AnswerError
from watchtower.ledger.crosscheck import account_of_all
from watchtower.ledger.decode import decode_transaction
from watchtower.ledger.delegation import delegate_index
from watchtower.ledger.events import DelegationChanged, Fact, Position
from watchtower.ledger.servers import Servers
from watchtower.sandbox.hashing import delegate_index as of_the_sandbox
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import Address, LedgerIndex

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "delegated_claim.jsonl"
PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
TOWER = Address("rUfvdk3o4d8eoB7Xk4ZJU6dZDxez9CZtnd")
CLAIMING = frozenset({"PaymentChannelClaim"})
NOTHING = frozenset[str]()


def recorded() -> list[dict[str, Any]]:
    """Every transaction that the real server told of."""
    lines = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    told = [line["msg"] for line in lines if line["dir"] == "recv"]
    return [message for message in told if message.get("type") == "transaction"]


def delegations(messages: list[dict[str, Any]]) -> list[DelegationChanged]:
    """The permissions that they tell of."""
    facts: list[Fact] = [f for m in messages for f in decode_transaction(m, [PAYEE])]
    return [fact for fact in facts if isinstance(fact, DelegationChanged)]


def test_a_real_servers_metadata_tells_what_is_permitted_and_taken_back() -> None:
    """And a claim that failed for want of permission, before and after, had none."""
    told = [(fact.at.ledger_index, fact.permissions) for fact in delegations(recorded())]
    assert told == [(5, NOTHING), (6, CLAIMING), (9, NOTHING), (10, NOTHING)]
    assert {(fact.account, fact.delegate) for fact in delegations(recorded())} == {(PAYEE, TOWER)}


def test_another_transaction_that_was_not_permitted_says_nothing_about_claims() -> None:
    """A thief of the delegate's key must not take the permission away by trying a payment."""
    payments = [m for m in recorded() if m["tx_json"]["TransactionType"] == "Payment"]
    assert payments
    assert delegations(payments) == []


def test_the_entry_stands_where_the_ledger_puts_it() -> None:
    """By the index that the recorded server gave it, for every pair of accounts."""
    [index] = {
        node["LedgerIndex"]
        for message in recorded()
        for wrapped in message["meta"]["AffectedNodes"]
        for node in wrapped.values()
        if node["LedgerEntryType"] == "Delegate"
    }
    assert delegate_index(PAYEE, TOWER) == index
    assert delegate_index(TOWER, PAYEE) == of_the_sandbox(TOWER, PAYEE) != index


@pytest.mark.parametrize(
    "permissions", ["PaymentChannelClaim", ["PaymentChannelClaim"], [{"Permission": {}}]]
)
def test_permissions_that_cannot_be_read_are_malformed_and_not_left_out(permissions: Any) -> None:
    """Nothing is skipped: the ledger is read again."""
    [message] = [m for m in recorded() if m["ledger_index"] == 6]
    for wrapped in message["meta"]["AffectedNodes"]:
        for node in wrapped.values():
            if node["LedgerEntryType"] == "Delegate":
                node["NewFields"]["Permissions"] = permissions
    with pytest.raises(AnswerError):
        delegations([message])


async def test_reading_tells_the_same_as_metadata_and_that_there_is_no_entry() -> None:
    """Never given, given, taken back: each time what a validated ledger has."""
    payee, tower = Person.named("payee"), Person.named("tower")
    rules = Rules(amendments=DEFAULT_AMENDMENTS | {"PermissionDelegationV1_1"})
    give = {"TransactionType": "DelegateSet", "Authorize": tower.address}
    claiming = [{"Permission": {"PermissionValue": "PaymentChannelClaim"}}]
    read: list[frozenset[str]] = []
    async with (
        Sandbox(clock=Clock.FROZEN, rules=rules) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
        Servers([sandbox.url], delegate=tower.address) as servers,
    ):
        await hand.fund(payee, tower)
        await servers.wait_until_ready(10.0)
        for permissions in (None, claiming, []):
            if permissions is not None:
                await hand.settle({**give, "Permissions": permissions}, payee)
            *_, told = await servers.read_account(payee.address)
            assert isinstance(told, DelegationChanged)
            assert (told.account, told.delegate) == (payee.address, tower.address)
            read.append(told.permissions)
        own = await servers.read_account(tower.address)
    assert read == [NOTHING, CLAIMING, NOTHING]
    assert not any(isinstance(fact, DelegationChanged) for fact in own)


def test_of_two_servers_that_differ_the_one_that_permits_is_believed() -> None:
    """A single one that hides a permission must not leave a claim unpaid; two outvote a third."""

    def told(permissions: frozenset[str], ledger_index: int) -> tuple[DelegationChanged]:
        at = Position(LedgerIndex(ledger_index), 0)
        return (DelegationChanged(account=PAYEE, delegate=TOWER, permissions=permissions, at=at),)

    [believed] = account_of_all([told(CLAIMING, 7), told(NOTHING, 8)])
    assert isinstance(believed, DelegationChanged)
    assert (believed.permissions, believed.at.ledger_index) == (CLAIMING, 8)
    [outvoted] = account_of_all([told(CLAIMING, 9), told(NOTHING, 8), told(NOTHING, 8)])
    assert isinstance(outvoted, DelegationChanged)
    assert outvoted.permissions == NOTHING
