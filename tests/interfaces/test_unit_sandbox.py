"""What systemd itself says of the units, and the whole job done behind their filter."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.interfaces.shut_in import allowed_by, can_shut_in

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOST_EXPOSED = 15
"""Tenths, as `--threshold=` counts them: 1.5 of 10."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


def analyze(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Ask systemd-analyze; ``path`` is where it looks for units first."""
    environment = {**os.environ, **({"SYSTEMD_UNIT_PATH": f"{path}:"} if path else {})}
    return subprocess.run(
        ("systemd-analyze", "--no-pager", *arguments),
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_unit_is_exposed(unit: Path) -> None:
    """At most 1.5 of 10, as systemd counts."""
    told = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))

    assert told.returncode == 0, told.stdout.splitlines()[-1]
    assert told.stderr == ""


def test_the_count_is_one_that_can_fail(tmp_path: Path) -> None:
    """A unit without a sandbox is over the limit, so that the test above says something."""
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")

    told = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(bare))

    assert told.returncode != 0


def installed(folder: Path, *, drop_ins: bool) -> list[str]:
    """Put the units into a folder as an installation has them, with a program that is there."""
    program = folder / "bin" / "watchtower"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for unit in (*SERVICES, *UNITS.glob("*.timer")):
        text = unit.read_text(encoding="utf-8")
        text = text.replace("=/opt/watchtower/bin/watchtower", f"={program}")
        (folder / unit.name).write_text(text, encoding="utf-8")
        if drop_ins and unit.suffix == ".service":
            beside = folder / f"{unit.name}.d"
            beside.mkdir()
            for drop_in in (UNITS / "drop-ins").glob("*.conf"):
                shutil.copy(drop_in, beside)
    return sorted(str(path) for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("drop_ins", [False, True], ids=["alone", "with drop-ins"])
def test_systemd_finds_no_fault_with_a_unit(tmp_path: Path, drop_ins: bool) -> None:  # noqa: FBT001 - a parameter
    """No unknown line, no wrong value, no program that is missing; it complains of nothing."""
    told = analyze(
        "verify", "--man=no", *installed(tmp_path, drop_ins=drop_ins), path=str(tmp_path)
    )

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_a_misspelled_line_is_complained_of(tmp_path: Path) -> None:
    """`systemd-analyze verify` ends well all the same, so that what it writes is looked at."""
    names = installed(tmp_path, drop_ins=False)
    with (tmp_path / "watchtower.service").open("a", encoding="utf-8") as unit:
        unit.write("[Service]\nProtectHomes=yes\n")

    assert "ProtectHomes" in analyze("verify", "--man=no", *names, path=str(tmp_path)).stderr


@pytest.mark.skipif(not can_shut_in(), reason="libseccomp is not on this machine")
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_has_the_filter_that_was_tried(unit: Path) -> None:
    """The filter that the whole job is done behind, below, is that of every unit."""
    assert allowed_by(unit) == allowed_by(UNITS / "watchtower.service")
    assert not allowed_by(unit) & {"io_uring_setup", "keyctl", "mlock", "mount", "ptrace", "setuid"}


@pytest.mark.skipif(not can_shut_in(), reason="libseccomp is not on this machine")
async def test_the_whole_job_is_done_behind_the_filter() -> None:
    """The demo: daemon, store, seals, signatures, sockets, a SIGKILL; and nothing is lost.

    It takes as long as the demo, for nothing shorter makes all the calls that the daemon makes.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.interfaces.shut_in", str(UNITS / "watchtower.service")),
        *(sys.executable, "-m", "watchtower", "demo", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=UNITS.parent,
    )
    out, err = await asyncio.wait_for(process.communicate(), 180)

    assert process.returncode == 0, err.decode()
    assert msgspec.json.decode(out.splitlines()[-1])["lost_drops"] == 0


PROBE = f"""
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
for tried in (lambda: libc.mlock(ctypes.create_string_buffer(16), 16), lambda: libc.personality(0)):
    assert tried() == -1
    assert ctypes.get_errno() == {errno.EPERM}
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    print("shut in")
"""


@pytest.mark.skipif(not can_shut_in(), reason="libseccomp is not on this machine")
def test_the_filter_is_there() -> None:
    """Locked memory, another personality and memory to write and run are refused by the kernel."""
    told = subprocess.run(
        (
            *(sys.executable, "-m", "tests.interfaces.shut_in", str(UNITS / "watchtower.service")),
            *(sys.executable, "-c", PROBE),
        ),
        check=False,
        capture_output=True,
        text=True,
        cwd=UNITS.parent,
    )

    assert (told.returncode, told.stdout) == (0, "shut in\n"), told.stderr
