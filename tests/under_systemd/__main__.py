"""``python -m tests.under_systemd [--wheels FOLDER]``: the story on a machine in a box."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.under_systemd.machine import ROOT, Impossible, Machine

_CANNOT: Final = 69
"""Exit code where the host has not what it takes (EX_UNAVAILABLE of sysexits.h)."""


def _packages(folder: Path) -> None:
    """Fetch what ``requirements/`` pins, for there is no network in the machine."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    pinned = (f"{ROOT}/requirements/build.txt", f"{ROOT}/requirements/run.txt")
    strict = ("--require-hashes", "--only-binary", ":all:", "--dest", str(folder))
    subprocess.run((*pip, *strict, "-r", pinned[0], "-r", pinned[1]), check=True)


def main() -> int:
    """Return the exit code."""
    asking = argparse.ArgumentParser(prog="scripts/systemd")
    asking.add_argument("--wheels", help="a folder with the packages; else they are downloaded")
    wheels = asking.parse_args().wheels
    try:
        with tempfile.TemporaryDirectory() as fetched:
            folder = Path(wheels or fetched).resolve()
            machine = Machine(ROOT, Path(sys.prefix), folder)
            if wheels is None:
                _packages(folder)
            with machine:
                story = (sys.executable, "-m", "tests.under_systemd.story", str(folder))
                return machine.run(*story)
    except Impossible as why:
        sys.stderr.write(f"This host cannot try the units under a systemd of their own: {why}\n")
        return _CANNOT


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
