"""What an answer tells of money, and where serving stops, through the door of a real daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.settings import ClaimSettings, HttpSettings
from watchtower.units import ChannelId


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


async def hand_over(
    client: httpx.AsyncClient, stage: Stage, channel: ChannelId, drops: int
) -> dict[str, Any]:
    """The answer to a claim."""
    told = await client.post("/v1/claims", json=wire(stage.claim(channel, drops)))
    answer: dict[str, Any] = told.json()
    return answer


async def test_an_answer_tells_the_numbers_of_the_channel(stage: Stage) -> None:
    """At stake, until when it is sure, and for how long whatever the payer does."""
    channel = await stage.channel(settle_delay=3_600)
    await stage.pay(channel, Balance=str(5 * XRP))
    async with stage.tower(), client_of(stage) as client:
        for drops, closes in ((30 * XRP, False), (40 * XRP, True)):
            if closes:
                await stage.close_request(channel)

                async def closing() -> bool:
                    shown = (await client.get(f"/v1/channels/{channel}")).json()
                    return shown["expiration"] is not None

                await stage.until(closing, closing=False)
            answer = await hand_over(client, stage, channel, drops)
            shown = (await client.get(f"/v1/channels/{channel}")).json()
            if not closes:
                assert (answer["at_stake"], answer["sure_until"]) == (str(25 * XRP), None)
                assert answer["notice_seconds"] == 3_600 - stage.settings.policy.margin_seconds
                assert answer["at_stake"] == shown["at_stake"]
            else:
                assert answer["sure_until"] is not None
            assert (answer["sure_until"], answer["notice_seconds"]) == (
                shown["deadline"],
                shown["notice_seconds"],
            )
        await stage.until_paid(channel, 40 * XRP)


async def test_two_channels_of_one_payer_do_not_both_get_past_its_limit(stage: Stage) -> None:
    """Both claims are kept; one is served; what is redeemed makes room, and the alarm ends."""
    stage.with_settings(claims=ClaimSettings(most_at_stake_per_payer_drops=50 * XRP))
    one, other, third = [await stage.channel() for _ in range(3)]
    async with stage.tower(), client_of(stage) as client:
        answers = await asyncio.gather(
            hand_over(client, stage, one, 30 * XRP), hand_over(client, stage, other, 30 * XRP)
        )
        assert [answer["kept"] for answer in answers] == [True, True]
        assert sorted(answer["serve"] for answer in answers) == [False, True]
        (refused,) = [answer for answer in answers if not answer["serve"]]
        assert refused["reasons"] == ["exposure_limit"]
        assert "60 XRP" in refused["why_not_serve"][0]
        assert "50 XRP" in refused["why_not_serve"][0]

        async def alarm_stands() -> bool:
            status = (await client.get("/v1/status")).json()
            return any(alarm["name"] == "exposure_limit_reached" for alarm in status["alarms"])

        await stage.until(alarm_stands)
        exposure = (await client.get("/v1/status")).json()["exposure"]
        payer = {"payer": stage.payer.address, "at_stake": str(60 * XRP)}
        assert (exposure["at_stake"], exposure["payers"]) == (str(60 * XRP), [payer])

        await stage.close_request(one)
        await stage.until_paid(one, 30 * XRP)

        async def alarm_ended() -> bool:
            return not await alarm_stands()

        await stage.until(alarm_ended)
        assert (await hand_over(client, stage, third, 10 * XRP))["serve"] is True
        assert (await hand_over(client, stage, third, 21 * XRP))["reasons"] == ["exposure_limit"]


async def test_limits_hold_over_a_restart(stage: Stage) -> None:
    """What the store remembers is counted before anything is served."""
    stage.with_settings(claims=ClaimSettings(most_at_stake_drops=50 * XRP))
    one, other = [await stage.channel() for _ in range(2)]
    async with stage.tower(), client_of(stage) as client:
        assert (await hand_over(client, stage, one, 30 * XRP))["serve"] is True
    async with stage.tower(), client_of(stage) as client:
        answer = await hand_over(client, stage, other, 30 * XRP)
        assert (answer["kept"], answer["reasons"]) == (True, ["exposure_limit"])
        exposure = (await client.get("/v1/status")).json()["exposure"]
        assert (exposure["at_stake"], exposure["left"]) == (str(60 * XRP), "0")
        assert exposure["limits"] == {"channel": None, "payer": None, "total": str(50 * XRP)}
