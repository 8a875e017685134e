"""``authority delegate`` and ``revoke``: what they say, hand over, and wait for."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.tower.conftest import PASSPHRASE, XRP, Stage
from tests.tower.test_delegated import CLAIMING, OFF, ON, TOWER, delegated_on, permit
from watchtower.sandbox.people import Person

LEDGERS_TOO_MANY = 25
Ended = tuple[int, str, str]


def configured(stage: Stage) -> str:
    """A configuration file for the stage; return its path."""
    path = Path(f"{stage.settings.store}.toml")
    path.write_text(
        f'accounts = ["{stage.payee.address}"]\nservers = ["{stage.sandbox.url}"]\n'
        f'store = "{stage.settings.store}"\n'
        f'[authority.delegate]\naccount = "{TOWER.address}"\n'
    )
    return str(path)


async def command(stage: Stage, *words: str, seed: str = "") -> Ended:
    """Run ``watchtower authority`` as a process; return its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watchtower", "authority", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"WATCHTOWER_CONFIG": configured(stage), "WATCHTOWER_PASSPHRASE": PASSPHRASE},
    )
    out, err = await asyncio.wait_for(process.communicate(seed.encode()), 120)
    assert b"Traceback" not in err
    return process.returncode or 0, out.decode(), err.decode()


async def permitted(stage: Stage) -> list[Any]:
    """What the payee permits, by the ledger itself."""
    found = await stage.hand.request(
        "account_objects",
        account=stage.payee.address,
        type="delegate",
        ledger_index="validated",
    )
    return [(entry["Authorize"], entry["Permissions"]) for entry in found["account_objects"]]


def of(stage: Stage) -> tuple[str, str]:
    """The option that names the payee."""
    return ("--account", stage.payee.address)


async def test_what_it_means_is_said_before_anything_is_signed(tmp_path: Path) -> None:
    """The reserve, what a thief of the tower could do, and the way back; and nothing is changed."""
    async with delegated_on(tmp_path) as stage:
        code, out, _ = await command(stage, "delegate", *of(stage))
        assert code == 0
        for said in (
            "0.2 XRP of reserve",
            "close every channel that pays this account at once",
            "claim less than the latest claim",
            "pay out the channels that this account itself funds",
            "use up this account's sequences",
            f"watchtower authority revoke --account {stage.payee.address}",
        ):
            assert said in out
        assert "WARNING" not in out
        unsigned = msgspec.json.decode(out[out.index("\n{") :])
        assert unsigned == {
            "TransactionType": "DelegateSet",
            "Account": stage.payee.address,
            "Authorize": TOWER.address,
            "Permissions": CLAIMING,
        }
        assert await permitted(stage) == []


async def test_outbound_channels_are_warned_of_loudly(tmp_path: Path) -> None:
    """Each by its id, with what is left in it and to whom it would go; not what is paid out."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.hand.create_channel(stage.payee, stage.payer, 70 * XRP, 3600)
        code, out, _ = await command(stage, "delegate", *of(stage))
        assert code == 0
        assert "WARNING" in out
        assert "70 XRP" in out
        assert f"{channel}: 70 XRP to {stage.payer.address}" in out
        _, out, _ = await command(stage, "delegate", *of(stage), "--json")
        (told,) = msgspec.json.decode(out)["outbound"]
        assert told == {"channel": channel, "destination": stage.payer.address, "left": 70 * XRP}


async def test_what_is_written_for_a_wallet_is_what_the_ledger_takes(tmp_path: Path) -> None:
    """The payee's own wallet completes, signs and sends it; then there is nothing left to do."""
    async with delegated_on(tmp_path) as stage:
        file = tmp_path / "grant.json"
        assert (await command(stage, "delegate", *of(stage), "--write", str(file)))[0] == 0
        await stage.hand.settle(msgspec.json.decode(file.read_bytes()), stage.payee)
        assert await permitted(stage) == [(TOWER.address, CLAIMING)]
        _, out, _ = await command(stage, "delegate", *of(stage))
        assert "stands in the ledger already" in out
        _, out, err = await command(stage, "revoke", *of(stage), "--write", "-")
        await stage.hand.settle(msgspec.json.decode(out), stage.payee)
        assert "takes back" in err
        assert await permitted(stage) == []


async def close_when_sent(stage: Stage) -> None:
    """Close the open ledger as soon as it holds a transaction, once."""

    async def sent() -> bool:
        found = await stage.hand.request("ledger", ledger_index="current", transactions=True)
        return bool(found["ledger"]["transactions"])

    stage.pace = 0.1
    await stage.until(sent, closing=False)
    await stage.sandbox.accept()


@pytest.mark.parametrize("how", ["delegate", "revoke"])
async def test_what_is_sent_is_waited_for_until_the_ledger_has_it(tmp_path: Path, how: str) -> None:
    """With the payee's seed on standard input, which nothing repeats."""
    async with delegated_on(tmp_path) as stage:
        if how == "revoke":
            await permit(stage)
        words = (how, *of(stage), "--seed-file", "-", "--submit")
        (code, out, err), _ = await asyncio.gather(
            command(stage, *words, seed=stage.payee.seed), close_when_sent(stage)
        )
        assert (code, err) == (0, "")
        assert stage.payee.seed not in out
        expected = [(TOWER.address, CLAIMING)] if how == "delegate" else []
        assert await permitted(stage) == expected


async def test_an_engine_result_proves_nothing(tmp_path: Path) -> None:
    """The server says tesSUCCESS and drops it: the command ends with an error, and says so."""
    async with delegated_on(tmp_path) as stage:
        lost = {"count": 1_000, "answer": "tesSUCCESS", "apply": False}
        stage.sandbox.misbehave(submissions=lost)
        words = ("delegate", *of(stage), "--seed-file", "-", "--submit")
        running = asyncio.create_task(command(stage, *words, seed=stage.payee.seed))
        stage.pace = 0.1

        async def answered() -> bool:
            lie = stage.sandbox.misbehave().submissions
            return running.done() or (lie is not None and lie.count < 1_000)

        await stage.until(answered, closing=False)
        for _ in range(LEDGERS_TOO_MANY):
            await stage.sandbox.accept()
        code, _, err = await running
        assert code == 37
        assert "tesSUCCESS" in err
        assert await permitted(stage) == []


def poor(stage: Stage) -> dict[str, Any]:
    """A payment that leaves the payee its reserve and nothing for another entry."""
    return {
        "TransactionType": "Payment",
        "Destination": stage.payer.address,
        "Amount": str(10_000 * XRP - XRP - 100_000),
    }


@pytest.mark.parametrize(
    ("words", "seed", "code", "why"),
    [
        (("--to", Person.named("nobody").address), "", 36, "not in the ledger"),
        (("--to", Person.named("a payee").address), "", 36, "needs no permission of its own"),
        (("--to", "rNobody"), "", 10, ""),
        (("--seed-file", "-"), "sEdNotASeed", 14, "not a family seed"),
        (("--seed-file", "-"), Person.named("a payer").seed, 36, "does not sign for"),
        (("--seed-file", "/no/such/file"), "", 14, "No such file"),
        (("--submit",), "", 2, "--seed-file"),
    ],
)
async def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    tmp_path: Path, words: tuple[str, ...], seed: str, code: int, why: str
) -> None:
    """Before anything is signed, and with the exit code of its error."""
    async with delegated_on(tmp_path) as stage:
        ended, _, err = await command(stage, "delegate", *of(stage), *words, seed=seed)
        assert ended == code
        assert why in err
        assert seed == "" or seed not in err
        assert await permitted(stage) == []


@pytest.mark.parametrize("how", ["poor", "amendment off"])
async def test_what_the_ledger_would_refuse_is_told_before(tmp_path: Path, how: str) -> None:
    """A reserve that is not there, and a network without delegation."""
    async with delegated_on(tmp_path, rules=ON if how == "poor" else OFF) as stage:
        if how == "poor":
            await stage.hand.settle(poor(stage), stage.payee)
        code, _, err = await command(stage, "delegate", *of(stage))
        assert code == 36
        assert ("reserve of 0.2 XRP" if how == "poor" else "PermissionDelegationV1_1") in err


@pytest.mark.parametrize("permits", [True, False])
async def test_show_tells_whether_the_account_permits_it(tmp_path: Path, *, permits: bool) -> None:
    """As the daemon last saw it, with what a thief could do by it."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.channel()
        await stage.keep(channel, XRP)
        if permits:
            await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")

            async def noted() -> bool:
                _, out, _ = await command(stage, "show", "--json")
                (right,) = msgspec.json.decode(out)["rights"]
                return right["ledger"] is not None

            await stage.until(noted)
        _, out, _ = await command(stage, "show", "--json")
        (right,) = msgspec.json.decode(out)["rights"]
        assert (right["right"], right["order"]) == ("delegated", 1)
        assert right["ledger"] == ("taken" if permits else "not_permitted")
        _, out, _ = await command(stage, "show")
        assert "delegated permission" in out
        assert "pay out the channels that the account itself funds" in out
