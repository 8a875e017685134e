"""A key is rotated end to end, killed anywhere, and in the middle of a close; nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import fingerprint
from tests.crash.killed_at import Moment, Step
from tests.crash.rotation import PAYEE, PAYER, WORDS, XRP, Turnover, dispute_key, open_turnover
from watchtower.keys.derivation import derive
from watchtower.keys.mnemonic import read_mnemonic
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import Standing
from watchtower.sandbox.server import Sandbox

OTHER_WORDS = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
FROM_STDIN = ("--mnemonic-file", "-", "--seed-file", "-")
BOTH = (WORDS, PAYEE.seed)
KINDS = ("rotation_begun", "rotation_signed", "rotation_validated", "key_rotated")
DEATHS = [
    *(Step(moment, 1, kind) for kind in KINDS for moment in (Moment.BEFORE, Moment.AFTER)),
    Step(Moment.SENT, 1),
]


async def assert_rotated(stage: Turnover, times: int = 1) -> None:
    """The ledger names the next key, it is what signs here, and no other is left."""
    new = dispute_key(times)
    assert await stage.regular_key() == new.address
    (card,) = await stage.cards()
    assert (card.public_key, card.path) == (new.public_key, str(new.path))
    assert card.standing is Standing.SIGNS
    assert card.is_regular_key
    assert len(await stage.journal("key_rotated")) == times


async def test_a_key_is_rotated_end_to_end(tmp_path: Path) -> None:
    """The next of its branch, signed for by the master seed, validated, proven, and alone."""
    async with open_turnover(tmp_path) as stage:
        (told,) = await stage.rotate(*FROM_STDIN, lines=BOTH)
        assert stage.rotating.exit_code == 0
        assert told["stage"] == "done"
        assert told["regular_key"] == dispute_key(1).address
        assert told["replaced"] == dispute_key(0).address
        await assert_rotated(stage)
        entries = await stage.journal(*KINDS)
        assert [entry.kind for entry in entries] == list(KINDS)
        named = entries[2].ledger_index
        validated = {
            row["tx"]["hash"]: row["tx"]["ledger_index"] for row in await stage.appointments()
        }
        assert named is not None
        assert validated[told["transaction"]] <= named
        # And the one behind that, signed for by the key that is held here.
        await stage.rotate("--mnemonic-file", "-", "--with-held-key", lines=[WORDS])
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage, times=2)


@pytest.mark.parametrize("step", DEATHS, ids=str)
async def test_a_rotation_that_is_killed_anywhere_goes_on(tmp_path: Path, step: Step) -> None:
    """At every moment there is a key here that the ledger takes; in the end it is the new one."""
    async with open_turnover(tmp_path) as stage:
        await stage.rotate(*FROM_STDIN, lines=BOTH, step=step)
        assert stage.rotating.exit_code == -signal.SIGKILL, (stage.said, stage.rotating.answered)
        accepted = await stage.regular_key()
        cards = await stage.cards()
        here = {dispute_key(index).public_key: dispute_key(index).address for index in (0, 1)}
        assert accepted in {here[card.public_key] for card in cards}
        if step == Step(Moment.BEFORE, 1, "rotation_begun"):
            await stage.rotate(*FROM_STDIN, lines=BOTH)
        elif step != Step(Moment.AFTER, 1, "key_rotated"):
            await stage.rotate("--resume", "--seed-file", "-", lines=[PAYEE.seed])
        assert stage.rotating.exit_code in {0, -signal.SIGKILL}, stage.said
        await assert_rotated(stage)
        for row in await stage.appointments():
            assert row["meta"]["TransactionResult"] == "tesSUCCESS"
        kinds = [entry.kind for entry in await stage.journal(*KINDS)]
        assert [kind for kind in KINDS if kind in kinds] == list(KINDS)
        assert kinds.count("rotation_begun") == 1


@pytest.mark.parametrize("kind", ["rotation_validated", "key_rotated"])
async def test_no_secret_is_asked_for_where_none_is_needed(tmp_path: Path, kind: str) -> None:
    """What the ledger has done already needs nobody's seed to be finished."""
    async with open_turnover(tmp_path) as stage:
        await stage.rotate(*FROM_STDIN, lines=BOTH, step=Step(Moment.BEFORE, 1, kind))
        await stage.rotate("--resume")
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)


async def test_the_owners_wallet_signs_by_itself(tmp_path: Path) -> None:
    """The unsigned transaction is written, the old key stays until a validated ledger has it."""
    async with open_turnover(tmp_path) as stage:
        file = tmp_path / "set-regular-key.json"
        (told,) = await stage.rotate("--mnemonic-file", "-", "--write", str(file), lines=[WORDS])
        assert told["stage"] == "handed_over"
        unsigned = msgspec.json.decode(file.read_bytes())
        assert unsigned == {
            "TransactionType": "SetRegularKey",
            "Account": PAYEE.address,
            "RegularKey": dispute_key(1).address,
            "Flags": 0,
        }
        assert [card.standing for card in await stage.cards()] == [Standing.SIGNS, Standing.NEXT]
        await stage.begin("--resume")
        await stage.hand.settle(unsigned, PAYEE)
        await stage.finish()
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)


async def test_a_close_between_submission_and_validation_is_redeemed(tmp_path: Path) -> None:
    """The daemon signs with the new key as soon as the ledger takes that one."""
    async with open_turnover(tmp_path) as stage:
        await stage.keep(40 * XRP)
        await stage.watch()
        await stage.begin(*FROM_STDIN, lines=BOTH)
        await stage.until_open("SetRegularKey")
        await stage.ask_to_close()
        await stage.sandbox.accept()
        await stage.until_paid(40 * XRP)
        await stage.finish()
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)
        assert not [event for event in stage.events if event.get("level") == "error"]


async def test_a_rotation_that_died_behind_its_submission_keeps_nobody_from_redeeming(
    tmp_path: Path,
) -> None:
    """Nobody resumes it; the ledger names the new key, which is here, and is what signs."""
    async with open_turnover(tmp_path) as stage:
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
        assert not [event for event in stage.events if event["event"] == "foreign_transaction"]


async def test_what_was_signed_with_the_old_key_is_signed_anew(tmp_path: Path) -> None:
    """An attempt that no ledger takes any more lapses, and the next one pays."""
    async with open_turnover(tmp_path) as stage:
        await stage.keep(40 * XRP)
        await stage.watch()
        await stage.ask_to_close()
        # The daemon's first attempt is answered with success, and lost.
        stage.sandbox.swallow_submissions(1)
        await stage.sandbox.accept()

        async def has_tried() -> bool:
            return any(entry.channel for entry in await stage.journal("attempt_made"))

        await stage.until(has_tried)
        await stage.rotate(*FROM_STDIN, lines=BOTH)
        assert stage.rotating.exit_code == 0, stage.said
        await stage.until_paid(40 * XRP)
        await assert_rotated(stage)


@pytest.mark.parametrize(
    ("arguments", "lines", "code", "sentence"),
    [
        (FROM_STDIN, (WORDS, "sEdTM1uX8pu2do5XvTnutH6HsouMaM2"), 75, "neither its master key nor"),
        (FROM_STDIN, (WORDS, f"{PAYEE.seed}x"), 14, "checksum is wrong"),
        (FROM_STDIN, (OTHER_WORDS, PAYEE.seed), 71, "does not make the present key"),
        (("--mnemonic-file", "-"), (WORDS,), 14, "no terminal to ask at"),
        (("--mnemonic-file", "-", "--with-held-key", "--index", "0"), (WORDS,), 75, "already"),
        (("--resume",), (), 75, "no rotation of it is under way"),
        (("--abandon",), (), 75, "no rotation of it is under way"),
    ],
)
async def test_a_secret_that_does_not_fit_changes_nothing(
    tmp_path: Path,
    arguments: tuple[str, ...],
    lines: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    """One sentence; no rotation has begun, and the key that signs is the one that did."""
    async with open_turnover(tmp_path) as stage:
        before = fingerprint(Path(stage.settings.store))
        await stage.rotate(*arguments, lines=lines)
        assert stage.rotating.exit_code == code, stage.said
        (told,) = [line for line in stage.said if "sentence" in line]
        assert sentence in told["sentence"]
        assert not [line for line in stage.said if WORDS in str(line) or PAYEE.seed in str(line)]
        assert fingerprint(Path(stage.settings.store)) == before
        assert await stage.regular_key() == dispute_key(0).address


async def test_a_rotation_is_given_up_and_begun_anew(tmp_path: Path) -> None:
    """While it waits for the owner's wallet no second one begins; given up, nothing is left."""
    async with open_turnover(tmp_path) as stage:
        file = tmp_path / "unsigned.json"
        await stage.rotate("--fresh", "--write", str(file))
        await stage.rotate(*FROM_STDIN, lines=BOTH)
        assert stage.rotating.exit_code == 75
        (told,) = await stage.rotate("--abandon")
        assert told["stage"] == "abandoned"
        (card,) = await stage.cards()
        assert card.public_key == dispute_key(0).public_key
        await stage.rotate(*FROM_STDIN, lines=BOTH)
        await assert_rotated(stage)


async def test_a_server_that_says_the_new_key_is_named_already_is_not_believed(
    tmp_path: Path,
) -> None:
    """The old key stays until every server that answers says so; then it goes."""
    async with open_turnover(tmp_path) as stage, Sandbox(beside=stage.sandbox) as second:
        config = tmp_path / "watchtower.toml"
        text = config.read_text().replace(
            f'"{stage.sandbox.url}"', f'"{second.url}", "{stage.sandbox.url}"'
        )
        config.write_text(text)
        file = tmp_path / "unsigned.json"
        await stage.rotate("--mnemonic-file", "-", "--write", str(file), lines=[WORDS])
        named = {"account_data.RegularKey": dispute_key(1).address}
        second.misbehave(lies={"account_info": named})
        await stage.begin("--resume")
        for _ in range(5):
            await stage.sandbox.accept()
            await asyncio.sleep(0.3)
            assert stage.rotating.exit_code is None, stage.said
        assert [card.standing for card in await stage.cards()] == [Standing.SIGNS, Standing.NEXT]
        second.misbehave(behave=True)
        await stage.hand.settle(msgspec.json.decode(file.read_bytes()), PAYEE)
        await stage.finish()
        assert stage.rotating.exit_code == 0, stage.said
        await assert_rotated(stage)


async def test_the_successor_of_a_channel_is_planned_and_not_made(tmp_path: Path) -> None:
    """With the next key of the claim branch, and what the ledger says of the channel."""
    async with open_turnover(tmp_path) as stage:
        await stage.keep(40 * XRP)
        before = fingerprint(Path(stage.settings.store))
        words = ("key", "rotate", "--claim-key", "--channel", stage.channel)
        from_words = ("--index", "2", "--mnemonic-file", "-")
        (told,) = await stage.rotating.command(*words, *from_words, lines=f"{WORDS}\n".encode())
        path = KeyPath(purpose=Purpose.CLAIM, index=2)
        key = derive(read_mnemonic(WORDS).seed(), path).public_key
        assert told["path"] == str(path)
        assert told["create"]["PublicKey"] == told["public_key"] == key
        assert told["create"]["Amount"] == str(60 * XRP)
        assert next(step["who"] for step in told["steps"]) == "payer"
        assert fingerprint(Path(stage.settings.store)) == before
        created = await stage.hand.build(told["create"], PAYER)
        await stage.hand.settle(created, PAYER)
        await stage.rotating.command(*words, "--public-key", PAYER.public_key)
        assert stage.rotating.exit_code == 75
