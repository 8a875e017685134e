"""A file is there as a whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import StoreDamagedError, StoreExistsError, StoreFullError
from watchtower.store.files import new_file, renamed_errors


def test_a_finished_file_gets_its_name(tmp_path: Path) -> None:
    """Readable by its owner only, and nothing else stays in the directory."""
    with new_file(tmp_path / "w.db") as draft:
        assert not (tmp_path / "w.db").exists()
        draft.write_bytes(b"whole")
    assert (tmp_path / "w.db").read_bytes() == b"whole"
    assert (tmp_path / "w.db").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "w.db"]


def test_an_unfinished_file_leaves_nothing(tmp_path: Path) -> None:
    """Nor do the files that SQLite puts beside it."""
    with suppress(make.Interruption), new_file(tmp_path / "w.db") as draft:
        draft.write_bytes(b"half")
        Path(f"{draft}-wal").write_bytes(b"half")
        make.interrupt()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    """Neither a file nor a link that leads nowhere, nor one that appears at the last moment."""
    (tmp_path / "w.db").write_bytes(b"mine")
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere")
    for name in ("w.db", "link.db"):
        with pytest.raises(StoreExistsError, match=name), new_file(tmp_path / name):
            pass
    with pytest.raises(StoreExistsError, match=r"late\.db"), new_file(tmp_path / "late.db"):
        (tmp_path / "late.db").write_bytes(b"mine")
    assert (tmp_path / "w.db").read_bytes() == b"mine"
    assert (tmp_path / "late.db").read_bytes() == b"mine"


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The path in the sentence is the one that was asked for."""
    with (
        pytest.raises(StoreFullError, match=r"/none/w\.db cannot be written: No such"),
        new_file(tmp_path / "none" / "w.db"),
    ):
        pass


def test_errors_about_a_draft_name_the_file_that_is_known() -> None:
    """Nobody can do anything with the name of a temporary file."""
    with (
        pytest.raises(StoreDamagedError, match=r"The store /backups/b\.db is damaged: cut short"),
        renamed_errors(Path("/backups/b.db")),
    ):
        raise StoreDamagedError(path="/backups/.b.db.4711", why="cut short")
