"""What the doctor says of files and of the store, neither of which it changes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.doctor.conftest import PASSPHRASE, Practice, levels, of, one_of
from watchtower.doctor.finding import Level
from watchtower.doctor.of_heads import HeadFacts
from watchtower.doctor.of_store import BackupFacts, StoreFacts, of_backup, of_room, of_store
from watchtower.store.backups.age import new_identity
from watchtower.store.database import Store
from watchtower.store.head import Finding as HeadFinding
from watchtower.store.space import Room, Thresholds

FORMAT_2 = Path(__file__).parents[1] / "data" / "stores" / "format-2.db"


def everything_in(folder: Path) -> dict[str, tuple[str, int]]:
    """What a folder holds: of each file its digest and its mode."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def test_nothing_is_written_by_looking(practice: Practice) -> None:
    """Not into the store, not beside it."""
    before = everything_in(practice.folder)
    found = await practice.look()

    assert levels(found, "store.opens") == [Level.OK]
    assert everything_in(practice.folder) == before


async def test_a_store_that_others_write_to_is_looked_into_all_the_same(
    practice: Practice,
) -> None:
    """A daemon in the middle of a transaction is not held up, and holds nobody up."""
    async with await Store.open(practice.store, PASSPHRASE) as store, store.write() as work:
        await work.notes.put("something", 1)
        found = await practice.look()
        await work.notes.put("something", 2)

    assert levels(found, "store.opens") == [Level.OK]
    assert levels(found, "authority.right") == [Level.OK]


async def test_a_store_that_is_not_there_is_made_by_what_is_said(practice: Practice) -> None:
    """For this configuration, which is as it was then."""
    practice.store.unlink()
    told = practice.config.read_bytes()
    finding = one_of(await practice.look(), "store.opens")

    assert finding.level is Level.FAILURE
    assert finding.mend is not None
    assert "watchtower init" in finding.mend
    await practice.mend(finding.mend)
    assert practice.config.read_bytes() == told
    assert levels(await practice.look(), "store.opens") == [Level.OK]


async def test_a_log_without_its_store_is_no_reason_to_make_another_one(
    practice: Practice,
) -> None:
    """What was acknowledged last may be in there alone."""
    log = practice.store.with_name("watchtower.db-wal")
    practice.store.unlink()
    log.write_bytes(b"claims")
    told = one_of(await practice.look(offline=True), "store.opens")

    assert told.level is Level.FAILURE
    assert str(log) in told.sentence
    assert told.mend is None
    assert log.read_bytes() == b"claims"


async def test_a_store_of_an_older_format_is_not_brought_to_the_present_one(
    practice: Practice,
) -> None:
    """That is for a start of the daemon, and no looking undoes it."""
    shutil.copy(FORMAT_2, practice.store)
    before = everything_in(practice.folder)
    told = one_of(await practice.look(), "store.opens")

    assert told.level is Level.WARNING
    assert "older format 2" in told.sentence
    assert everything_in(practice.folder) == before


@pytest.mark.parametrize("passphrase", ["another one", None])
async def test_a_wrong_or_missing_passphrase_is_told_as_that(
    practice: Practice, passphrase: str | None
) -> None:
    """And nobody says that nothing can sign, for that is not known."""
    found = await practice.look(passphrase)

    assert levels(found, "ways.opens") == [Level.FAILURE]
    assert levels(found, "store.opens") == [Level.FAILURE]
    assert of(found, "authority.right") == []
    assert levels(found, "authority.account") == [Level.OK]


async def test_a_store_that_was_cut_short_is_damaged(practice: Practice) -> None:
    """In the words of the store."""
    practice.store.write_bytes(practice.store.read_bytes()[:100])
    told = one_of(await practice.look(), "store.opens")

    assert told.level is Level.FAILURE
    assert "no database" in told.sentence


@pytest.mark.parametrize(
    ("name", "mode", "check", "level"),
    [
        ("watchtower.toml", 0o622, "files.config", Level.FAILURE),
        ("passphrase", 0o644, "files.secrets", Level.FAILURE),
        ("watchtower.db", 0o644, "files.store", Level.WARNING),
        (".", 0o777, "files.folder", Level.FAILURE),
    ],
)
async def test_what_others_may_touch_is_mended_by_what_is_said(
    practice: Practice, name: str, mode: int, check: str, level: Level
) -> None:
    """By its bits: root, who may do everything, is told as well."""
    secret = practice.folder / "passphrase"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    practice.environment["WATCHTOWER_PASSPHRASE_FILE"] = str(secret)
    (practice.folder / name).chmod(mode)
    told = one_of(await practice.look(), check)

    assert told.level is level
    assert told.mend is not None
    await practice.mend(told.mend)
    assert levels(await practice.look(), check) == [Level.OK]


async def test_a_secret_file_that_is_not_there_is_told_of(practice: Practice) -> None:
    """With what names it."""
    practice.environment["WATCHTOWER_PASSPHRASE_FILE"] = str(practice.folder / "nothing")
    told = one_of(await practice.look(), "files.secrets")

    assert told.level is Level.FAILURE
    assert "WATCHTOWER_PASSPHRASE_FILE names" in told.sentence


async def test_files_of_alarms_are_secrets_too(practice: Practice) -> None:
    """An address may hold a key, and who has a webhook's secret can cry wolf in our name."""
    names = ("apprise", "beat", "hook", "hook_secret")
    for name in names:
        (practice.folder / name).write_text("https://one.example/x\n")
        (practice.folder / name).chmod(0o644)
    practice.configure(
        '[alerts]\napprise_file = "apprise"\nheartbeat_url_file = "beat"\n'
        '[[alerts.webhooks]]\nurl_file = "hook"\nsecret_file = "hook_secret"\n'
    )
    told = of(await practice.look(offline=True), "files.secrets")

    assert {one.subject for one in told} == {str(practice.folder / name) for name in names}
    assert {one.level for one in told} == {Level.FAILURE}


async def test_a_backup_that_is_missing_is_made_by_what_is_said(practice: Practice) -> None:
    """Once there is a key for it, and a folder."""
    assert "no key for backups" in one_of(await practice.look(), "store.backup").sentence
    (practice.folder / "backups").mkdir()
    _, recipient = new_identity()
    practice.configure(f'[backup]\nrecipients = ["{recipient}"]\nfolder = "backups"\n')
    told = one_of(await practice.look(), "store.backup")

    assert told.level is Level.WARNING
    assert told.mend is not None
    await practice.mend(told.mend)
    assert levels(await practice.look(), "store.backup") == [Level.OK]


async def test_a_token_that_is_missing_is_made_by_what_is_said(practice: Practice) -> None:
    """Where nobody comes in without one."""
    practice.configure('[http]\nlisten = "127.0.0.1:8080"\nrequire_token = true\n')
    told = one_of(await practice.look(), "http.tokens")

    assert told.level is Level.WARNING
    assert told.mend is not None
    await practice.mend(told.mend)
    assert levels(await practice.look(), "http.tokens") == [Level.OK]


def test_a_backup_that_is_old_is_told_of() -> None:
    """Two days, where the timer makes one each day."""
    now = 1_800_000_000.0
    facts = BackupFacts(folder="there", has_key=True, newest=now - 5 * 86_400)

    assert "5 days old" in of_backup(facts, now, "make").sentence
    young = BackupFacts(folder="there", has_key=True, newest=now - 3_600)
    assert of_backup(young, now, "make").level is Level.OK


def test_a_disk_that_fills_is_told_of() -> None:
    """By the thresholds of the settings, and where it cannot be written at all."""
    limits = Thresholds(warning_bytes=1_000, urgent_bytes=100, warning_seconds=0, urgent_seconds=0)
    levels_of = [of_room(Room(available=left), limits, "there").level for left in (5_000, 500, 50)]

    assert levels_of == [Level.OK, Level.WARNING, Level.FAILURE]
    read_only = Room(available=5_000, is_read_only=True)
    assert of_room(read_only, limits, "there").level is Level.FAILURE


def test_a_recovery_that_stands_and_a_head_that_speaks_are_failures() -> None:
    """Each with what to look at."""
    facts = StoreFacts(
        path="there",
        exists=True,
        make="",
        recovery={"missing": {"wss://one.example": "why"}},
        heads=(
            HeadFacts(
                place="there", finding=HeadFinding.GONE, sentence="It may have been put back."
            ),
        ),
    )
    found = list(of_store(facts))

    assert levels(found, "store.recovery") == [Level.FAILURE]
    assert "wss://one.example" in one_of(found, "store.recovery").sentence
    assert levels(found, "store.heads") == [Level.FAILURE]
