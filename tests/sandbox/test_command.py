"""``watchtower sandbox``: one line when it is ready, and a clean end."""

from __future__ import annotations

import asyncio
import re
import signal
import sys

import msgspec
import pytest
from click.testing import CliRunner

from watchtower.cli import root
from watchtower.cli.sandbox_options import amendments_of, queue_of
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import AMENDMENTS_INDEX, amendment_id
from watchtower.sandbox.people import Hand
from watchtower.sandbox.server import Sandbox

_PATIENCE = 60.0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_one_line_serves_and_ends_cleanly(end: signal.Signals) -> None:
    """What scripts wait for, and nothing else on standard output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", "--port", "0", "--clock", "frozen"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        ready = (await process.stdout.readline()).decode()
        assert ready.startswith("sandbox ready ws://127.0.0.1:")
        async with Hand(ready.removeprefix("sandbox ready ").strip()) as hand:
            assert await hand.request("ledger_current") == {"ledger_current_index": 3}
        process.send_signal(end)
        rest, _ = await process.communicate()

    assert (process.returncode, rest) == (0, b"")


async def _refused(*options: str) -> str:
    """Return the complaint of a sandbox that does not start: exit code 2, and nothing told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_PATIENCE):
        told, complaint = await process.communicate()
    assert (process.returncode, told) == (2, b"")
    return complaint.decode()


async def test_a_port_in_use_is_one_sentence(sandbox: Sandbox) -> None:
    """And no traceback."""
    port = sandbox.url.rpartition(":")[2]
    assert f"cannot listen on {port}: Address already in use" in await _refused("--port", port)


async def test_the_options_reach_the_ledger() -> None:
    """What the fee and the ledger's amendments say is what was asked for."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", "--close-every", "0.05", "--close-time-resolution", "10"),
        *("--queue", "minimum_txn_in_ledger_standalone=7", "--queue", "target_txn_in_ledger=8"),
        *("--amendment", "fixCleanup3_2_0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        ready = (await process.stdout.readline()).decode()
        async with Hand(ready.removeprefix("sandbox ready ").strip()) as hand:
            fee = await hand.request("fee")
            amendments = (await hand.request("ledger_entry", index=AMENDMENTS_INDEX))["node"]
            header = (await hand.request("ledger", ledger_index="validated"))["ledger"]
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert fee["expected_ledger_size"] == "7"
    assert amendment_id("fixCleanup3_2_0") in amendments["Amendments"]
    assert header["close_time_resolution"] == 10


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--queue", "speed=3"], "'speed' is no setting of the queue"),
        (["--queue", "target_txn_in_ledger"], "takes a whole number from 1"),
        (["--queue", "target_txn_in_ledger=0"], "takes a whole number from 1"),
        (["--queue", "target_txn_in_ledger=99999999999999"], "takes a whole number from 1"),
        (["--queue", "maximum_txn_in_ledger=30"], "is above maximum_txn_in_ledger (30)"),
        (["--amendment", "fixEverything"], "no rules for 'fixEverything'"),
        (["--close-every", "nan"], "'nan' is no number of seconds"),
        (["--close-every", "0"], "'0' is no number of seconds"),
        (["--close-every", "1", "--clock", "fast"], "a pace of its own"),
        (["--close-time-resolution", "15"], "'15' is not one of"),
        (["--close-time-resolution", "10", "--clock", "frozen"], "clock is exact"),
        (["--servers", "0"], "0 is not in the range"),
        (["--servers", "17"], "17 is not in the range"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", "luck"], "'luck' is not a valid integer"),
        (["--port", "65534", "--servers", "3"], "3 servers do not fit between 65534 and 65535"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_what_cannot_be_played_by_is_one_sentence(options: list[str], sentence: str) -> None:
    """Exit code 2, before anything listens."""
    outcome = CliRunner().invoke(root, ["sandbox", *options])

    assert outcome.exit_code == 2
    assert sentence in " ".join(outcome.output.split())


def test_settings_and_amendments_are_taken_over() -> None:
    """The last word on each setting counts; what is always on stays on."""
    queue = queue_of(["target_txn_in_ledger=5", "target_txn_in_ledger=6"])

    assert queue == QueueSettings(target_txn_in_ledger=6)
    assert {"DepositAuth", "fixCleanup3_2_0"} <= amendments_of(["fixCleanup3_2_0"])


async def test_several_servers_tell_their_urls_in_one_line_and_share_a_ledger() -> None:
    """Each is reached by its own, and can be told to misbehave by any other."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", "--clock", "frozen", "--servers", "3", "--seed", "7", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        ready = msgspec.json.decode(await process.stdout.readline())
        first, second, third = ready["urls"]
        async with Hand(first, accepts=True) as one, Hand(third) as other:
            await one.accept()
            await one.request("misbehave", server=2, behind=1)
            where = [(await hand.request("ledger_closed"))["ledger_index"] for hand in (one, other)]
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert ready["url"] == first
    assert len({first, second, third}) == 3
    assert where == [3, 2]
    assert process.returncode == 0


async def test_the_port_that_is_in_use_is_named_whichever_server_needs_it(sandbox: Sandbox) -> None:
    """Servers take the port and those after it."""
    port = int(sandbox.url.rpartition(":")[2])
    complaint = await _refused("--port", str(port - 1), "--servers", "2")
    # The port before it may be somebody's too.
    assert re.search(rf"cannot listen on ({port}|{port - 1}): Address already", complaint)
