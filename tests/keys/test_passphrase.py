"""Where the passphrase comes from, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchtower.errors import ConfigError, PassphraseMissingError
from watchtower.keys.passphrase import find_passphrase


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Return a directory with a private file and a credential."""
    file = tmp_path / "file"
    file.write_text("from the file\n")
    file.chmod(0o600)
    credential = tmp_path / "passphrase"
    credential.write_text("from systemd")
    credential.chmod(0o440)  # as systemd shows it to the service's group
    return tmp_path


def test_the_first_that_is_set_is_taken(room: Path) -> None:
    """Environment, file, systemd, a person."""
    environment = {
        "WATCHTOWER_PASSPHRASE": "from the environment",
        "WATCHTOWER_PASSPHRASE_FILE": str(room / "file"),
        "CREDENTIALS_DIRECTORY": str(room),
    }
    found = [find_passphrase(environment, lambda: "from a person")]
    while environment:
        environment.pop(next(iter(environment)))
        found.append(find_passphrase(environment, lambda: "from a person"))
    assert found == ["from the environment", "from the file", "from systemd", "from a person"]


def test_nobody_gave_one(tmp_path: Path) -> None:
    """No terminal, or an empty answer, or credentials without ours: the sentence says the ways."""
    with pytest.raises(PassphraseMissingError, match="WATCHTOWER_PASSPHRASE_FILE"):
        find_passphrase({})
    with pytest.raises(PassphraseMissingError):
        find_passphrase({"WATCHTOWER_PASSPHRASE": ""}, lambda: "")
    with pytest.raises(PassphraseMissingError):
        find_passphrase({"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        ("two words\n", "two words"),
        ("two words\r\n", "two words"),
        ("two words", "two words"),
        (" spaces stay \n", " spaces stay "),
        ("one\n\n", "one\n"),
        ("schl\u00fcssel\n", "schl\u00fcssel"),
    ],
)
def test_one_line_break_at_the_end_is_no_part_of_it(
    tmp_path: Path, content: str, passphrase: str
) -> None:
    """Editors add one; everything else counts."""
    file = tmp_path / "file"
    file.write_bytes(content.encode())
    file.chmod(0o600)
    assert find_passphrase({"WATCHTOWER_PASSPHRASE_FILE": str(file)}) == passphrase


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_read_is_refused(room: Path, mode: int) -> None:
    """And says how to mend it."""
    (room / "file").chmod(mode)
    with pytest.raises(ConfigError, match=r"others may read it.*chmod 600"):
        find_passphrase({"WATCHTOWER_PASSPHRASE_FILE": str(room / "file")}, lambda: "other")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A missing file is not skipped: somebody meant it."""
    with pytest.raises(ConfigError, match="No such file"):
        find_passphrase({"WATCHTOWER_PASSPHRASE_FILE": str(tmp_path / "none")}, lambda: "other")
    with pytest.raises(ConfigError, match="directory"):
        find_passphrase({"WATCHTOWER_PASSPHRASE_FILE": str(tmp_path)}, lambda: "other")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-8"):
        find_passphrase({"WATCHTOWER_PASSPHRASE_FILE": str(tmp_path / "binary")}, lambda: "other")


def test_credentials_that_cannot_be_looked_at_are_said(tmp_path: Path) -> None:
    """Whoever may not look into them is told where, and ends as one that is misconfigured."""
    # A name that no file system takes: root, who runs tests too, may look everywhere.
    nowhere = {"CREDENTIALS_DIRECTORY": str(tmp_path / ("n" * 300))}
    with pytest.raises(ConfigError, match=r"passphrase.*cannot be looked at"):
        find_passphrase(nowhere, lambda: "from a person")
