"""Signers whose signatures the ledger does not take: others sign, and all are tried anew later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.cosigners import PEOPLE, Company, company_on, hostile
from tests.tower.payers import forget_alarms
from watchtower.keys.multisign import to_multisign
from watchtower.keys.vault import Vault
from watchtower.machine import Machine
from watchtower.sandbox.people import Person
from watchtower.tower.tending import Rhythm

UNFIT, SLOW = PEOPLE[1], PEOPLE[2]
DISABLE_MASTER = 4  # asfDisableMaster
OTHER_KEY = Person.named("the regular key of a signer")


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """A payee whom two of three towers redeem for; the second one's key signs no more."""
    async with company_on(tmp_path) as made:
        hand = made.first.hand
        await hand.fund(UNFIT)
        key = {"TransactionType": "SetRegularKey", "RegularKey": OTHER_KEY.address}
        await hand.settle(key, UNFIT)
        await hand.settle({"TransactionType": "AccountSet", "SetFlag": DISABLE_MASTER}, UNFIT)
        yield made


def quick(stage: Stage) -> AbstractAsyncContextManager[object]:
    """A tower that tells its alarms at once."""
    return stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.3)))


async def slowly(asked: dict[str, Any]) -> bytes:
    """The third one signs what is asked for, and always behind the second one."""
    await asyncio.sleep(0.4)
    messages = [to_multisign(one, SLOW.address) for one in asked["transactions"]]
    answers = [{"signature": SLOW.sign(one)} for one in messages]
    who = {"account": SLOW.address, "public_key": SLOW.public_key}
    return json.dumps({**who, "answers": answers}).encode()


async def test_whose_signature_the_ledger_refuses_is_put_aside_and_another_quorum_redeems(
    company: Company,
) -> None:
    """The first to answer is the one whose master key was disabled: it would fail for ever."""
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with quick(first), second.tower(), hostile(company, 2, slowly):
        await company.until_watching(second)
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        (refused, *_) = await first.until_told(channel, "cosign_unfit")
        await company.until_alarmed("cosigner_unfit", first.payee.address)
    assert refused.facts["result"] == "tefMASTER_DISABLED"
    assert set(refused.facts["signers"]) == {PEOPLE[0].address, UNFIT.address}
    story = await first.story(channel)
    (bad, good, *_) = (entry.facts for entry in story if entry.kind == "attempt_made")
    # On the same seat, at once, and not when the first one has lapsed.
    assert bad["sequence"] == good["sequence"]
    assert good["last_ledger"] - bad["last_ledger"] < 8


async def test_who_was_put_aside_stays_so_after_a_restart(company: Company) -> None:
    """The next transaction does not begin with those whose last one was refused."""
    first, second = company.first, company.others[0]
    one, another = await first.channel(), await first.channel()
    await first.keep(one, 30 * XRP)
    await first.keep(another, 20 * XRP)
    async with second.tower(), hostile(company, 2, slowly):
        async with quick(first):
            await company.until_watching(second)
            await first.close_request(one)
            await first.until_paid(one, 30 * XRP)
        async with quick(first):
            await first.close_request(another)
            await first.until_paid(another, 20 * XRP)
    await forget_alarms(first)
    async with quick(first):
        await company.until_alarmed("cosigner_unfit", first.payee.address)
    signed = [e.facts["signers"] for e in await first.story(another) if e.kind == "multisigned"]
    assert {PEOPLE[0].address, UNFIT.address} not in map(set, signed)


async def test_a_signer_whose_account_is_mended_is_tried_anew(company: Company) -> None:
    """And the alarm about it ends, without any restart."""
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with quick(first), second.tower():
        await company.until_watching(second)
        await first.close_request(channel)
        await company.until_alarmed("cosigner_unfit", first.payee.address)
        enabled = {
            "TransactionType": "AccountSet",
            "Account": UNFIT.address,
            "ClearFlag": DISABLE_MASTER,
        }
        await first.hand.settle(enabled, OTHER_KEY)
        await first.until_paid(channel, 30 * XRP)

        async def is_over() -> bool:
            return "cosigner_unfit" not in await company.alarms()

        await first.until(is_over)


async def test_two_others_suffice_where_our_own_key_is_gone(company: Company) -> None:
    """A tower that lost its key still asks, and combines what the others sign."""
    first = company.first
    await first.hand.settle(
        {"TransactionType": "AccountSet", "Account": UNFIT.address, "ClearFlag": DISABLE_MASTER},
        OTHER_KEY,
    )
    async with first.store() as store:
        await Vault(store).remove(PEOPLE[0].address)
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with quick(first), company.others[0].tower(), company.others[1].tower():
        await company.until_watching(company.others[0])
        await company.until_watching(company.others[1])
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        await company.until_alarmed("cosigner_away", PEOPLE[0].address)
    assert await company.signers_of(channel) == {PEOPLE[1].address, PEOPLE[2].address}
