"""One server, or one account, in trouble: everybody else is guarded as if it were not there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.proxy import HANGS, proxy
from watchtower.errors import RequestRefusedError
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.people import Person
from watchtower.settings import LedgerSettings

GONE = {"status": "error", "error": "actNotFound", "error_message": "Account not found."}
NO_ENTRY = {"status": "error", "error": "entryNotFound", "error_message": "Not found."}


async def test_server_that_hangs_when_asked_for_fees_does_not_make_every_attempt_too_late(
    stage: Stage,
) -> None:
    """It announces ledgers and answers everything else; its timeouts outlast a last ledger."""

    def hangs(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return HANGS if request["command"] in {"fee", "account_info"} else None

    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with proxy(stage.sandbox.url, hangs) as hanging:
        stage.with_settings(
            servers=(stage.sandbox.url, hanging), ledger=LedgerSettings(request_timeout_seconds=1.0)
        )
        stage.pace = 0.05
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)


@pytest.mark.parametrize("false_sequence", [1, 1_000_000])
async def test_server_that_lies_about_the_sequence_costs_one_attempt(
    stage: Stage, false_sequence: int
) -> None:
    """One honest server is enough: the next attempt believes another one."""

    def lies(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if request["command"] != "account_info":
            return None
        data = {"Account": request["account"], "Sequence": false_sequence, "Balance": "100000000"}
        return {"status": "success", "result": {"account_data": data, "validated": True}}

    channels = [await stage.channel() for _ in range(2)]
    for channel in channels:
        await stage.keep(channel, 30 * XRP)
    async with proxy(stage.sandbox.url, lies) as liar:
        stage.with_settings(servers=(liar, stage.sandbox.url))
        stage.pace = 0.05
        async with stage.tower():
            for channel in channels:
                await stage.close_request(channel)
                await stage.until_paid(channel, 30 * XRP)
    made = [
        e for channel in channels for e in await stage.story(channel) if e.kind == "attempt_made"
    ]
    assert len(made) <= 3


async def test_once_ends_when_one_of_two_accounts_is_gone(stage: Stage) -> None:
    """The other one is paid, and what could not be answered is said."""
    gone, there = Person.named("a payee who is gone"), stage.payee
    await stage.hand.fund(gone)
    async with stage.store() as store:
        await Vault(store).import_seed(gone.address, gone.seed, algorithm=Algorithm.SECP256K1)
    stage.with_settings(accounts=(there.address, gone.address))
    paid = await stage.channel()
    await stage.keep(paid, 30 * XRP)
    stage.payee = gone
    unpaid = await stage.channel()
    await stage.keep(unpaid, 30 * XRP)
    await stage.close_request(paid)
    await stage.close_request(unpaid)

    def one_is_gone(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        asks = request["command"] == "account_info"
        return GONE if asks and request["account"] == gone.address else None

    async with proxy(stage.sandbox.url, one_is_gone) as url:
        stage.with_settings(servers=(url,))
        # Nothing is paid before the first look is over and both channels were found to be owed.
        stage.sandbox.swallow_submissions(20)
        async with stage.tower(once=True) as daemon:
            await stage.until_paid(paid, 30 * XRP)

            async def ended() -> bool:
                return daemon.done()

            await stage.until(ended)
            with pytest.raises(RequestRefusedError, match="actNotFound"):
                await asyncio.wait_for(daemon, 20)


async def test_server_that_denies_every_channel_ends_no_guard(stage: Stage) -> None:
    """It announces every ledger in time and has lost, or hides, the entries in them."""

    def denies(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return NO_ENTRY if request["command"] == "ledger_entry" else None

    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with proxy(stage.sandbox.url, denies) as denying:
        stage.with_settings(servers=(denying, stage.sandbox.url))
        async with stage.tower():
            await stage.until_paid(channel, 30 * XRP)
