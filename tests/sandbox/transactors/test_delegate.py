"""DelegateSet: what may be given, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Sandbox

_OWNER, _DELEGATE = Person.named("an owner"), Person.named("a delegate")
_SET = {"TransactionType": "DelegateSet", "Authorize": _DELEGATE.address}


@asynccontextmanager
async def _ledger(amendment: str, queue: QueueSettings | None = None) -> AsyncIterator[Hand]:
    rules = Rules(amendments=DEFAULT_AMENDMENTS | {amendment})
    async with Sandbox(rules=rules, queue=queue) as box, Hand(box.url, accepts=True) as hand:
        await hand.fund(_OWNER, _DELEGATE)
        yield hand


def _giving(*kinds: str) -> dict[str, Any]:
    return {**_SET, "Permissions": [{"Permission": {"PermissionValue": kind}} for kind in kinds]}


async def _result(hand: Hand, tx: dict[str, Any]) -> str:
    return str((await hand.submit(tx, _OWNER))["engine_result"])


async def test_what_cannot_be_given() -> None:
    """Nothing twice, nothing that changes who may sign, nothing to oneself or to nobody."""
    async with _ledger("PermissionDelegation") as hand:
        claim = "PaymentChannelClaim"
        assert await _result(hand, _giving(claim, claim)) == "temMALFORMED"
        assert await _result(hand, _giving(claim, "SetRegularKey")) == "temMALFORMED"
        assert await _result(hand, _giving("DelegateSet")) == "temMALFORMED"
        own = {**_giving(claim), "Authorize": _OWNER.address}
        assert await _result(hand, own) == "temMALFORMED"
        unknown = {**_giving(claim), "Authorize": Person.named("unknown").address}
        assert await _result(hand, unknown) == "tecNO_TARGET"


@pytest.mark.parametrize(
    ("amendment", "result"),
    [("PermissionDelegation", "tesSUCCESS"), ("PermissionDelegationV1_1", "tecNO_ENTRY")],
)
async def test_taking_back_what_was_never_given(amendment: str, result: str) -> None:
    """Nothing at all, or an error, as the release has it; and the object is gone after a gift."""
    async with _ledger(amendment) as hand:
        assert await _result(hand, _giving()) == result
        await hand.accept()
        await hand.settle(_giving("Payment"), _OWNER)
        await hand.settle(_giving(), _OWNER)
        told = await hand.request("account_info", account=_OWNER.address)

        assert told["account_data"]["OwnerCount"] == 0


async def test_giving_a_permission_blocks_nobody_in_the_queue() -> None:
    """It waits behind others of its account, as anything does that leaves the signers alone."""
    small = QueueSettings(minimum_txn_in_ledger=4, target_txn_in_ledger=4)
    async with _ledger("PermissionDelegation", small) as hand:
        while True:
            told = await hand.submit({"TransactionType": "AccountSet"}, _OWNER)
            if told["open_ledger_cost"] != "10":
                break
        sequence = told["account_sequence_next"]
        nothing = {"TransactionType": "AccountSet", "Sequence": sequence}

        assert await _result(hand, nothing) == "terQUEUED"
        gift = {**_giving("Payment"), "Sequence": sequence + 1}
        assert await _result(hand, gift) == "terQUEUED"
