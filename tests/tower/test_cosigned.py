"""Three towers, of which two have to sign: real daemons, real stores, real TLS between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tower.conftest import XRP
from tests.tower.cosigners import PEOPLE, Company, company_on
from watchtower.ledger.events import Seat


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """A payee whom two of three towers redeem for."""
    async with company_on(tmp_path) as made:
        yield made


async def test_two_of_three_towers_redeem_what_the_payer_wants_back(company: Company) -> None:
    """The payee's own key is nowhere, and it is paid in full."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), company.others[0].tower(), company.others[1].tower():
        await company.until_watching(company.others[0])
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        (made, *_) = await first.until_told(channel, "attempt_made")
        asked = await first.until_told(channel, "cosign_asked")
    assert await first.balance(channel) == 30 * XRP
    assert PEOPLE[0].address in await company.signers_of(channel)
    # Asked for, signed, and then written down as an attempt, in this order.
    kinds = [entry.kind for entry in await first.story(channel)]
    assert kinds.index("cosign_asked") < kinds.index("multisigned") < kinds.index("attempt_made")
    assert set(asked[0].facts["asked"]) == {PEOPLE[1].address, PEOPLE[2].address}
    # Three base fees: one for the transaction, and one for each of two signatures.
    assert made.facts["fee"] >= 30


async def test_claim_that_a_co_signer_signed_for_is_kept_there(company: Company) -> None:
    """It came along with the request, and nothing below it is signed there any more."""
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), second.tower():
        await company.until_watching(second)
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        (signed, *_) = await second.until_told(channel, "cosigned")
    async with second.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert best.amount == 30 * XRP
    assert signed.facts["account"] == first.payee.address
    assert Seat(signed.facts["sequence"]).number > 0


async def test_one_co_signer_may_be_down(company: Company) -> None:
    """The others are enough; people are told which one is away."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), company.others[1].tower():
        await company.until_watching(company.others[1])
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        await company.until_alarmed("cosigner_away", PEOPLE[1].address)
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[2].address}


async def test_below_the_quorum_nothing_is_sent_and_people_are_told(company: Company) -> None:
    """And it is redeemed as soon as one of the others is back."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower():
        await company.until_watching(first)
        await first.close_request(channel)
        await company.until_alarmed("quorum_missing", first.payee.address)
        assert await first.balance(channel) == 0
        kinds = {entry.kind for entry in await first.story(channel)}
        assert not kinds & {"attempt_made", "multisigned"}
        async with company.others[0].tower():
            await first.until_paid(channel, 30 * XRP)


async def test_a_better_claim_that_a_co_signer_knows_is_handed_over_and_redeemed(
    company: Company,
) -> None:
    """It refuses the lower one; the tower that asked keeps the better one, and redeems that."""
    first, second = company.first, company.others[0]
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    await second.keep(channel, 40 * XRP)
    async with first.tower(), second.tower():
        await company.until_watching(second)
        await first.close_request(channel)
        await first.until_paid(channel, 40 * XRP)
    async with first.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert best.amount == 40 * XRP
    kinds = [entry.kind for entry in await first.story(channel)]
    # On disk before anything is signed for it.
    assert kinds.count("claim_kept") == 2
    assert kinds.index("multisigned") > kinds.index("claim_kept", kinds.index("claim_kept") + 1)
    assert await first.balance(channel) == 40 * XRP
