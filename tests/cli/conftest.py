"""The command line as a person uses it: words in, sentences and an exit code out."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from watchtower.cli import main

PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
NOBODY = "ws://127.0.0.1:1"
"""A port on which nothing listens."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> list[dict[str, Any]]:
        """The answer, a JSON object a line."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Run = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the environment that a user would set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(tmp_path / "watchtower.toml"))
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", "correct horse")
    for name in ("WATCHTOWER_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY", "WATCHTOWER_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``watchtower`` with arguments; ``stdin`` is what standard input holds."""

    def command(*arguments: str, stdin: str = "") -> Ended:
        assert home.exists()
        text = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        monkeypatch.setattr(sys, "stdin", text)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, said.out, said.err)

    return command


@pytest.fixture
def ready(run: Run, home: Path) -> Path:
    """A folder after ``init``, for a payee and a server that nobody runs."""
    assert run("init", "--account", PAYEE, "--server", NOBODY).code == 0
    return home


def fingerprint(path: Path) -> str:
    """What a file holds, in short."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
