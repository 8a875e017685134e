"""Commands on a disk that is full, or mounted for reading only: one sentence, and nothing lost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, fingerprint
from tests.cli.test_bad_input import claim
from tests.disks import SmallDisk, small_disk


@pytest.fixture
def disk(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """A small disk with the store on it."""
    with small_disk("mounted", ready) as made:
        store = made.folder / "watchtower.db"
        with (ready / "watchtower.toml").open("a") as settings:
            settings.write("\n[space]\nreserve_bytes = 1048576\n")
        shutil.move(ready / "watchtower.db", store)
        monkeypatch.setenv("WATCHTOWER_STORE", str(store))
        yield made


@pytest.mark.parametrize(
    ("left", "code", "sentence"),
    [
        (0, 28, "cannot be written: its disk is full. Nothing stored was lost"),
        (1 << 20, 95, "and that is left to redeeming what is kept. Free some space"),
    ],
)
def test_claim_for_a_full_disk_is_refused_in_one_sentence(
    run: Run, disk: SmallDisk, left: int, code: int, sentence: str
) -> None:
    """With nothing left, and with what is left for redeeming; nothing that was stored changes."""
    (disk.folder / "something").write_bytes(bytes(left))
    disk.fill()
    (disk.folder / "something").unlink()
    before = fingerprint(disk.folder / "watchtower.db")
    ended = run(*claim())

    assert ended.code == code
    assert ended.out == ""
    assert sentence in ended.err.splitlines()[-1]  # behind the one about a server out of reach
    assert fingerprint(disk.folder / "watchtower.db") == before
    disk.free()
    assert run(*claim()).code == 0


@pytest.mark.parametrize(
    "words",
    [
        claim(),
        ("claim", "list"),
        ("status",),
        ("run", "--once"),
        ("token", "add", "shop", "--scope", "submit"),
        ("backup", "create", "{disk}/backup.db"),
        ("backup", "restore", "{disk}/watchtower.db"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_command_on_a_disk_for_reading_only_is_one_sentence(
    run: Run, disk: SmallDisk, words: tuple[str, ...]
) -> None:
    """Whether it would write or not: SQLite reads a store through a log that it has to write."""
    before = fingerprint(disk.folder / "watchtower.db")
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    ended = run(*(word.format(disk=disk.folder) for word in words))
    subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)

    assert ended.code == 94
    assert "its disk is mounted for reading only" in ended.err
    assert ended.err.count("\n") == 1
    assert fingerprint(disk.folder / "watchtower.db") == before
