"""By what right a whole tower redeems, and what it tells where there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.test_commands import command
from watchtower.errors import MasterKeyIdleError
from watchtower.keys.vault import Vault
from watchtower.sandbox.people import Person
from watchtower.settings import AuthoritySettings
from watchtower.store.work import Work
from watchtower.tower.tending import STATUS_NOTE

REGULAR = Person.named("the payee's regular key")


async def name_regular_key(stage: Stage) -> None:
    """The payee names another key; no other may sign for the tower."""
    stage.with_settings(authority=AuthoritySettings())
    await stage.hand.submit(
        {"TransactionType": "SetRegularKey", "RegularKey": REGULAR.address}, stage.payee
    )
    await stage.sandbox.accept()


async def import_regular_key(stage: Stage) -> None:
    """The tower is given that key."""
    async with stage.store() as store:
        await Vault(store).import_seed(stage.payee.address, REGULAR.seed, regular_key=True)


async def told_alarms(stage: Stage) -> set[str]:
    """The names of the alarms that stand, by the status."""

    async def read(work: Work) -> Any:
        return await work.notes.get(STATUS_NOTE)

    async with stage.store() as store, store.read() as work:
        status = await read(work)
    return {alarm["name"] for alarm in (status or {}).get("alarms", ())}


async def test_a_regular_key_redeems_without_anything_being_allowed(stage: Stage) -> None:
    """The settings as they are by themselves; the journal says by what right."""
    await name_regular_key(stage)
    await import_regular_key(stage)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        (made, *_) = await stage.until_told(channel, "attempt_made")

    assert made.facts["by"] == "regular_key"


async def test_a_master_key_redeems_where_that_is_said_in_so_many_words(stage: Stage) -> None:
    """And the journal says so."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        (made, *_) = await stage.until_told(channel, "attempt_made")

    assert made.facts["by"] == "master_key"


async def test_that_nothing_may_sign_is_an_alarm_at_the_start_and_ends_with_a_key(
    stage: Stage,
) -> None:
    """With nothing owed yet; and what was owed meanwhile is redeemed by the key that comes."""
    await name_regular_key(stage)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)

    async def stands() -> bool:
        return "no_right" in await told_alarms(stage)

    async def ended() -> bool:
        return not await stands()

    async with stage.tower():
        await stage.until(stands)
        await stage.close_request(channel)
        await import_regular_key(stage)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until(ended)


async def test_that_the_last_key_was_removed_is_an_alarm_before_anything_presses(
    stage: Stage,
) -> None:
    """Not first when it would have to sign; what stands by is turned to at once, too."""
    await name_regular_key(stage)
    await import_regular_key(stage)
    await stage.keep(await stage.channel(), 30 * XRP)

    async def watches() -> bool:
        async with stage.store() as store, store.read() as work:
            return bool((await work.notes.get(STATUS_NOTE) or {}).get("channels"))

    async def stands() -> bool:
        return "no_right" in await told_alarms(stage)

    async with stage.tower():
        await stage.until(watches)
        assert not await stands()
        async with stage.store() as store:
            await Vault(store).remove(stage.payee.address)
        await stage.until(stands)


async def test_once_with_a_master_key_that_may_not_sign_says_what_to_do(stage: Stage) -> None:
    """Exit code 52, and nothing was paid."""
    stage.with_settings(authority=AuthoritySettings())
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with stage.tower(once=True) as daemon:
        with pytest.raises(MasterKeyIdleError, match="allow_master_key = true"):
            await asyncio.wait_for(daemon, 20)
    assert await stage.balance(channel) == 0


async def test_show_tells_how_the_ledger_last_had_the_account(stage: Stage) -> None:
    """Without any network, by what the tower saw: a key that is good, and then changed."""
    await name_regular_key(stage)
    await import_regular_key(stage)

    async def shown() -> dict[str, Any]:
        code, (account,) = await command(stage, "authority", "show")
        assert code == 0
        return {right["right"]: right["ledger"] for right in account["rights"]}

    assert await shown() == {"regular_key": None}
    async with stage.tower():

        async def is_taken() -> bool:
            return await shown() == {"regular_key": "taken"}

        await stage.until(is_taken)
        await stage.hand.submit({"TransactionType": "SetRegularKey"}, stage.payee)

        async def is_refused() -> bool:
            return await shown() == {"regular_key": "not_its_key"}

        await stage.until(is_refused)
