"""The rules of the network, read from the ledger by a running tower, on both sides of each."""

from __future__ import annotations

from typing import Any, Final

import pytest

from watchtower.machine import Machine
from watchtower.sandbox.hashing import amendment_id
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.settings import TicketSettings
from watchtower.tower.tending import STATUS_NOTE, Rhythm

XRP: Final = 1_000_000
LONGEST: Final = 2**32 - 1
BEFORE: Final = Rules()
NEWER: Final = Rules(amendments=DEFAULT_AMENDMENTS | {"TokenPaymentChannel"})
CLEANED_UP: Final = Rules(amendments=DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"})


async def status(stage: Any) -> dict[str, Any]:
    """What the tower last wrote of itself; nothing before it knows the rules."""
    async with stage.store() as store, store.read() as work:
        told: dict[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return told if "fixCleanup" in told.get("rules", "") else {}


@pytest.mark.parametrize(
    ("rules", "alarms", "sentence"),
    [
        (BEFORE, ["channel_unprotectable"], "without fixCleanup3_2_0, without delegation"),
        (CLEANED_UP, [], "with fixCleanup3_2_0, without delegation"),
    ],
    ids=["before", "with the fix"],
)
async def test_a_settle_delay_wraps_only_where_the_network_lets_it(
    stage: Any, alarms: list[str], sentence: str
) -> None:
    """Whether a channel can be protected is judged by the rules that its ledger has."""
    channel = await stage.channel(settle_delay=LONGEST)
    await stage.keep(channel, 30 * XRP)
    told: dict[str, Any] = {}
    async with stage.tower():

        async def known() -> bool:
            told.clear()
            told.update(await status(stage))
            about = [a["name"] for a in told.get("alarms", ()) if a["subject"] == channel]
            return told.get("at_stake") == 30 * XRP and about == alarms

        await stage.until(known)
    assert told["rules"] == sentence


@pytest.mark.parametrize("rules", [NEWER], ids=["newer"])
async def test_a_network_that_is_ahead_of_this_version_is_told(stage: Any) -> None:
    """An amendment of which nobody here has heard, beside those that everybody has."""

    async def told() -> bool:
        alarms = (await status(stage)).get("alarms", ())
        about = [alarm["subject"] for alarm in alarms if alarm["name"] == "network_ahead"]
        return about == [amendment_id("TokenPaymentChannel")]

    async with stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.05, status=0.05))):
        await stage.until(told)


@pytest.mark.parametrize("rules", [CLEANED_UP], ids=["with the fix"])
async def test_the_second_of_the_end_is_used_where_the_network_gives_it(stage: Any) -> None:
    """A tower that comes up in the last second still redeems, and is paid."""
    stage.with_settings(tickets=TicketSettings(pool=0, low_water=0))
    channel = await stage.channel(settle_delay=1000)
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    entry = await stage.hand.request("ledger_entry", payment_channel=channel)
    left = entry["node"]["Expiration"] - stage.sandbox.close_time
    await stage.sandbox.advance(left)
    assert stage.sandbox.close_time == entry["node"]["Expiration"]
    async with stage.tower():

        async def made() -> bool:
            found = await stage.hand.request("ledger", ledger_index="current", transactions=True)
            return bool(found["ledger"]["transactions"])

        await stage.until(made, closing=False)
        await stage.sandbox.accept()
        assert await stage.balance(channel) == 30 * XRP
