"""What is answered to claims above what was signed ahead, where nothing else can sign."""

from __future__ import annotations

from pathlib import Path

from tests.interfaces.test_exposure import hand_over
from tests.interfaces.test_http import client_of
from tests.tower.conftest import XRP, Stage
from tests.tower.presigning import asked_for, imported, make_tickets, signed, without_key
from tests.tower.test_commands import command, words
from watchtower.settings import HttpSettings


async def test_what_only_a_bundle_can_redeem_is_served_no_further_than_that(
    stage: Stage, tmp_path: Path
) -> None:
    """The door says so, what is told of the channel, and the commands without a daemon."""
    await without_key(stage, tmp_path)
    stage.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
    channel = await stage.channel()
    await stage.keep(channel, 20 * XRP)
    await make_tickets(stage, 2)
    async with stage.tower(), client_of(stage) as client:

        async def covers(xrp: int) -> bool:
            shown = (await client.get(f"/v1/channels/{channel}")).json()
            return bool(shown["covered"] == str(xrp * XRP))

        await stage.until(lambda: covers(0), closing=False)
        answer = await hand_over(client, stage, channel, 25 * XRP)
        assert (answer["kept"], answer["serve"]) == (True, False)
        assert answer["reasons"] == ["nothing_signs"]
        _, told = await command(stage, "channel", "explain", channel, text=True)
        assert "nothing was signed ahead that would pay" in told

        await imported(stage, signed(await asked_for(stage), stage.payee))
        await stage.until(lambda: covers(25), closing=False)

        answer = await hand_over(client, stage, channel, 30 * XRP)
        assert (answer["kept"], answer["serve"]) == (True, False)
        assert answer["reasons"] == ["not_covered_by_bundle"]
        assert "25 XRP" in answer["why_not_serve"][0]
        status = (await client.get("/v1/status")).json()
        assert status["accounts_without_signer"] == [stage.payee.address]

        # What was kept is covered once it was signed ahead for, too.
        await imported(stage, signed(await asked_for(stage), stage.payee))
        await stage.until(lambda: covers(30), closing=False)

    _, (report,) = await command(stage, *words(stage, channel, 40 * XRP))
    assert (report["kept"], report["reasons"]) == (True, ["not_covered_by_bundle"])
    _, told = await command(stage, "channel", "explain", channel, text=True)
    assert "brings it to 30 XRP: 10 XRP are not covered" in told
    _, told = await command(stage, "status", text=True)
    assert f"Nothing can sign for {stage.payee.address} now" in told


async def test_what_another_right_can_redeem_is_served_above_a_bundle(
    stage: Stage, tmp_path: Path
) -> None:
    """A key that stands by redeems the whole claim."""
    stage.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
    channel = await stage.channel()
    await stage.keep(channel, 20 * XRP)
    async with stage.tower(), client_of(stage) as client:
        await stage.until_tickets(4)
        await imported(stage, signed(await asked_for(stage), stage.payee))
        assert (await hand_over(client, stage, channel, 30 * XRP))["serve"] is True
        assert (await client.get(f"/v1/channels/{channel}")).json()["covered"] is None
    _, (report,) = await command(stage, *words(stage, channel, 40 * XRP))
    assert (report["kept"], report["serve"]) == (True, True)
