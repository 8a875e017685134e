"""The first page is followed as it stands: in a new home, from the clone to the cron job.

It makes a virtual environment and installs the project into it, as its reader does, and waits for
a ledger that closes each second; that takes half a minute, and is what is tried. Only two things
are otherwise: ports are some that are free, and packages are those of this interpreter, so that no
network is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import sysconfig
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import File, Typed, follow, shell, steps
from tests.docs.test_formats import DOCS

ROOT = DOCS.parent
TEXT = (DOCS / "getting-started.md").read_text(encoding="utf-8")


def free_ports(number: int) -> int:
    """Return the first of some free ports in a row."""
    while True:
        with ExitStack() as held, socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for more in range(1, number):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port + more))
            except (OSError, OverflowError):
                continue
            return port


def a_clone(folder: Path) -> Path:
    """Return a clone of the project that pins nothing that a network would give."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("requirements", "watchtower"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for pinned in (folder / "requirements").iterdir():
        pinned.write_text("", encoding="utf-8")
    return folder


@pytest.mark.walk
async def test_getting_started_can_be_followed_to_its_end(tmp_path: Path) -> None:
    """Every command ends well, and says what the page shows."""
    ledger, door = free_ports(3), free_ports(1)
    ports = {6006: ledger, 6007: ledger + 1, 6008: ledger + 2, 8412: door}
    text = re.sub(r"\b(600[678]|8412)\b", lambda found: str(ports[int(found[1])]), TEXT)
    python = tmp_path / "bin"
    python.mkdir()
    (python / "python3").symlink_to(sys._base_executable)  # type: ignore[attr-defined] # there since 3.3, and in no stub
    (tmp_path / "clone").mkdir()
    environment = {
        "PATH": f"{python}:{os.defpath}",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    async with shell(a_clone(tmp_path / "clone"), environment | {"HOME": str(tmp_path)}) as reader:
        await follow(text, reader)
        # The cron job is what was just typed, with every path spelt out.
        (cron,) = re.findall(r"^\*/10 \* \* \* \* (.+)$", text, re.MULTILINE)
        assert await reader.run(f"env -i HOME=$HOME PYTHONPATH=$PYTHONPATH sh -c '{cron}'") == 0
    assert "Traceback" not in (tmp_path / "try" / "tower.log").read_text(encoding="utf-8")


def test_the_page_is_followed_whole() -> None:
    """Every block of commands and every file of the page is among the steps."""
    done = list(steps(TEXT))
    assert [step.name for step in done if isinstance(step, File)] == ["reader.py"]
    lines = re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)
    assert [step.command for step in done if isinstance(step, Typed)] == lines


@pytest.mark.parametrize(
    ("shown", "said", "is_it"),
    [
        ("a … c\n", "a b c\n", True),
        ("a … c\n", "a b\nc\n", False),
        ("…\nc\n", "a\nb\nc\n", True),
        ("a\n…\n", "a\n", True),
        ("a\n…\nc\n", "a\nb\n", False),
        ("", "", True),
        ("", "a\n", False),
    ],
)
def test_what_is_shown_is_compared_as_a_reader_would(shown: str, said: str, *, is_it: bool) -> None:
    """A page that shows something else than what is said has to be found out."""
    assert Typed("watchtower", shown).is_answered_by(said) is is_it
