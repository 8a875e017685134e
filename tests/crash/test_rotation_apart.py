"""A key of a signer apart is rotated: by its user's own command, killed anywhere, beside a daemon.

The daemon has no key, the signer no ledger, and the command has both for as long as it runs.
"""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest

from tests.crash.killed_at import Moment, Step
from tests.crash.rotation import PAYEE, WORDS, XRP, dispute_key, open_turnover_apart
from tests.crash.test_rotation import BOTH, FROM_STDIN, KINDS, assert_rotated
from watchtower.keys.vault import Standing, Vault

# Before one step is behind the one before it, which the daemon's own keys are killed at as well.
DEATHS = [*(Step(Moment.AFTER, 1, kind) for kind in KINDS), Step(Moment.SENT, 1)]


@pytest.mark.parametrize("step", DEATHS, ids=str)
async def test_a_rotation_apart_that_is_killed_anywhere_goes_on(tmp_path: Path, step: Step) -> None:
    """At every moment the signer has a key that the ledger takes; in the end it is the new one."""
    async with open_turnover_apart(tmp_path) as stage:
        await stage.rotate(*FROM_STDIN, lines=BOTH, step=step)
        assert stage.rotating.exit_code == -signal.SIGKILL, (stage.said, stage.rotating.answered)
        accepted = await stage.regular_key()
        here = {dispute_key(index).public_key: dispute_key(index).address for index in (0, 1)}
        assert accepted in {here[card.public_key] for card in await stage.cards()}
        if step != Step(Moment.AFTER, 1, "key_rotated"):
            await stage.rotate("--resume", "--seed-file", "-", lines=[PAYEE.seed])
        assert stage.rotating.exit_code in {0, -signal.SIGKILL}, stage.said
        await assert_rotated(stage)
        kinds = [entry.kind for entry in await stage.journal(*KINDS)]
        assert [kind for kind in KINDS if kind in kinds] == list(KINDS)
        async with stage.store() as store:
            assert await Vault(store).cards() == []


async def test_a_rotation_apart_that_died_behind_its_submission_keeps_nobody_from_redeeming(
    tmp_path: Path,
) -> None:
    """Nobody resumes it: the daemon tells the signer which of its two keys the ledger takes."""
    async with open_turnover_apart(tmp_path) as stage:
        await stage.keep(40 * XRP)
        await stage.watch()
        await stage.begin(*FROM_STDIN, lines=BOTH, step=Step(Moment.SENT, 1))
        await stage.until_open("SetRegularKey")
        await stage.rotating.ended()
        await stage.sandbox.accept()
        assert await stage.regular_key() == dispute_key(1).address
        await stage.ask_to_close()
        await stage.until_paid(40 * XRP)
        assert [card.standing for card in await stage.cards()] == [Standing.SIGNS, Standing.NEXT]
        await stage.rotate("--resume")
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)


async def test_the_owners_wallet_names_the_next_key_of_a_signer_apart(tmp_path: Path) -> None:
    """What is printed goes to the wallet; with no secret asked for, the rotation is finished."""
    async with open_turnover_apart(tmp_path) as stage:
        file = tmp_path / "set-regular-key.json"
        (told,) = await stage.rotate("--mnemonic-file", "-", "--write", str(file), lines=[WORDS])
        assert told["stage"] == "handed_over"
        await stage.begin("--resume")
        await stage.hand.settle(msgspec.json.decode(file.read_bytes()), PAYEE)
        await stage.finish()
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)
