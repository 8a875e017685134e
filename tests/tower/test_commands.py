"""Commands beside a running tower, on the sandbox: list, show, explain, claims, once, status."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.interfaces.test_http import wire
from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.cli.standing import last_standing
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.settings import ClaimSettings, PolicySettings
from watchtower.units import ChannelId, Drops


def configured(stage: Stage) -> str:
    """A configuration file for the stage; return its path."""
    path = Path(f"{stage.settings.store}.toml")
    roles = (
        f'{{ address = "{account}", role = "{role}" }}'
        for account, role in stage.settings.roles.items()
    )
    path.write_text(
        f'accounts = [{", ".join(roles)}]\nservers = ["{stage.sandbox.url}"]\n'
        f'store = "{stage.settings.store}"\n'
        f"[authority]\nallow_master_key = true\n"
        f"[policy]\nredeem_every_seconds = {stage.settings.policy.redeem_every_seconds}\n"
        f"[claims]\nmost_at_stake_drops = {stage.settings.claims.most_at_stake_drops}\n"
    )
    return str(path)


async def command(stage: Stage, *words: str, lines: bytes = b"", text: bool = False) -> Any:
    """Run ``watchtower`` as a process; return its exit code and answers (or its text)."""
    config = configured(stage)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watchtower", *words, *(() if text else ("--json",))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"WATCHTOWER_CONFIG": config, "WATCHTOWER_PASSPHRASE": PASSPHRASE},
    )
    out, err = await asyncio.wait_for(process.communicate(lines), 60)
    assert b"Traceback" not in err
    if text:
        return process.returncode, out.decode() + err.decode()
    return process.returncode, [msgspec.json.decode(line) for line in out.splitlines()]


def words(stage: Stage, channel: ChannelId, drops: int) -> tuple[str, ...]:
    """The words that give a claim."""
    signature = stage.payer.sign_claim(channel, Drops(drops))
    key = ("--public-key", stage.payer.public_key)
    return ("claim", "add", channel, str(drops), signature, *key)


async def test_claim_is_kept_answered_and_redeemed_by_the_running_tower(stage: Stage) -> None:
    """Two answers, and the daemon takes it up at once."""
    channel = await stage.channel()
    async with stage.tower():
        code, (report,) = await command(stage, *words(stage, channel, 30 * XRP))
        assert (code, report["kept"], report["serve"]) == (0, True, True)
        code, _ = await command(stage, *words(stage, channel, 30 * XRP))
        assert code == 43
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        code, (report,) = await command(stage, *words(stage, channel, 31 * XRP))
        assert (code, report["kept"], report["serve"]) == (0, True, False)
        assert "closing" in report["why_not_serve"][0]


async def test_serving_limits_hold_for_the_command(stage: Stage) -> None:
    """It counts what is kept and what was redeemed, and what it takes itself, line by line."""
    stage.with_settings(
        claims=ClaimSettings(most_at_stake_drops=50 * XRP),
        policy=PolicySettings(redeem_every_seconds=3_600),
    )
    channels = [await stage.channel() for _ in range(3)]
    code, (report,) = await command(stage, *words(stage, channels[0], 30 * XRP))
    assert (code, report["serve"], report["at_stake"]) == (0, True, str(30 * XRP))
    assert (report["sure_until"], report["notice_seconds"]) == (None, 3_480)
    lines = [wire(stage.claim(channels[1], 20 * XRP)), wire(stage.claim(channels[2], 1))]
    told = b"".join(msgspec.json.encode(one) + b"\n" for one in lines)
    _, answers = await command(stage, "claim", "add", "-", lines=told)
    assert [(one["kept"], one["reasons"]) for one in answers] == [
        (True, []),
        (True, ["exposure_limit"]),
    ]
    async with stage.tower():
        await stage.until_paid(channels[0], 30 * XRP)

        async def is_known() -> bool:
            async with stage.store() as store, store.read() as work:
                found = await work.channels.get(channels[0])
            return found is not None and found.entry.balance == 30 * XRP

        await stage.until(is_known)
    _, (report,) = await command(stage, *words(stage, channels[2], 2))
    assert report["serve"] is True


@pytest.mark.parametrize("drops", [30 * XRP])
async def test_claim_refused_by_the_ledger_has_its_own_exit_code(stage: Stage, drops: int) -> None:
    """Unknown channel, another destination: each is said apart, and nothing is stored."""
    outbound = await stage.hand.create_channel(stage.payee, stage.payer, 50 * XRP, 3600)
    for channel, code in ((ChannelId("A" * 64), 41), (outbound, 42)):
        ended, _ = await command(stage, *words(stage, channel, drops))
        assert ended == code
    _, claims = await command(stage, "claim", "list")
    assert claims == []


async def test_channels_are_listed_shown_and_explained(stage: Stage) -> None:
    """In text for a person, in JSON for a program, from the ledger and from the journal."""
    channel = await stage.channel(settle_delay=60)
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "attempt_settled")
    _, (listed,) = await command(stage, "channel", "list")
    assert (listed["channel"], listed["protectable"]) == (channel, False)
    code, text = await command(stage, "channel", "list", text=True)
    assert (code, channel in text, "NOT PROTECTABLE" in text) == (0, True, True)
    _, (shown,) = await command(stage, "channel", "show", channel)
    assert shown["balance"] == str(30 * XRP)
    assert shown["phase"] == "closing"
    code, text = await command(stage, "channel", "explain", channel, text=True)
    for part in ("close requested", "attempt made", "attempt settled", "ledger ", "paid"):
        assert part in text
    _, (explained,) = await command(stage, "channel", "explain", channel)
    assert [attempt["outcome"] for attempt in explained["attempts"]] == ["paid"]


async def test_run_once_as_a_process_redeems_and_ends(stage: Stage) -> None:
    """What a cron job runs."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    running = asyncio.create_task(command(stage, "run", "--once"))

    async def ended() -> bool:
        return running.done()

    stage.pace = 0.1
    await stage.until(ended)
    code, (status,) = await running
    assert (code, status["attempts"], status["at_stake"]) == (0, 0, "0")
    assert await stage.balance(channel) == 30 * XRP
    code, (told,) = await command(stage, "status")
    assert (code, told["running"], told["stopped"]) == (3, False, True)


@pytest.mark.parametrize("rules", [Rules(amendments=DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"})])
async def test_commands_judge_by_the_rules_that_the_daemon_has_read(stage: Stage) -> None:
    """Strictly while nobody has read any; by the network's own ever after, also without a daemon.

    With the amendment a settle delay of a lifetime does not wrap around.
    """
    channel = await stage.channel(settle_delay=2**32 - 1)
    _, (report,) = await command(stage, *words(stage, channel, 10 * XRP))
    assert (report["kept"], report["serve"]) == (True, False)
    async with stage.tower():

        async def read() -> bool:
            async with stage.store() as store:
                return (await last_standing(store)).rules.known

        await stage.until(read)
    _, (report,) = await command(stage, *words(stage, channel, 20 * XRP))
    assert (report["kept"], report["serve"]) == (True, True)
    for name in ("list", "show", "explain"):
        which = () if name == "list" else (channel,)
        _, (report,) = await command(stage, "channel", name, *which)
        assert report["protectable"], name
