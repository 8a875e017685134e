"""A machine in a box, on which a real systemd is process 1; nothing of it outlives its block.

It has namespaces of its own (processes, mounts, network, names, control groups) and this host's
files, copied on write. Its network is its loopback alone. It needs root, a kernel with overlayfs
and control groups of version 2, and the systemd of this host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Impossible", "Machine"]

ROOT: Final = Path(__file__).parents[2]
_BOOT: Final = Path(__file__).with_name("boot")
_SYSTEMD: Final = Path("/lib/systemd/systemd")
_PROGRAMS: Final = ("unshare", "nsenter", "pivot_root", "systemctl", "useradd", "runuser")
_OWN: Final = ("--cgroup", "--pid", "--mount", "--uts", "--ipc", "--net")
_PATH: Final = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.1


class Impossible(Exception):  # noqa: N818 - a turn of events, told in a sentence
    """This host cannot have such a machine; the message says why."""


class Machine:
    """Boots on entry; everything in it is ended on exit.

    Args:
        trees: folders of this host that are needed in there, wherever they are mounted.
    """

    def __init__(self, *trees: Path) -> None:
        """Look whether this host can.

        Raises:
            Impossible: it cannot.
        """
        self._trees = trees
        self._groups = _control_groups() / f"watchtower-trial-{os.getpid()}"
        self._folder = Path(tempfile.gettempdir())
        self._outer: subprocess.Popen[bytes] | None = None
        self._first = 0

    def __enter__(self) -> Self:
        """Boot, and wait until systemd says that it runs.

        Raises:
            Impossible: it does not come up.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="watchtower-machine-"))
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every process of it; its files go with the last one."""
        self._end()

    def run(self, *command: str) -> int:
        """Run a command in there, with this process's own streams; return its exit code."""
        return subprocess.run(self._inside(command), check=False).returncode

    def _boot(self) -> None:
        self._groups.mkdir()
        log = self._folder.with_suffix(".log")
        with log.open("wb") as told:
            self._outer = subprocess.Popen(
                ("unshare", *_OWN, "--fork", "--kill-child", _BOOT, self._folder, *self._trees),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                preexec_fn=self._move_in,  # noqa: PLW1509 - one thread, and only a write
            )
        why = self._why_not_up()
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        log.unlink()
        if why:
            raise Impossible(f"{why} {said}".strip())

    def _move_in(self) -> None:
        (self._groups / "cgroup.procs").write_text("0", encoding="ascii")

    def _why_not_up(self) -> str:
        assert self._outer is not None
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        end, state = time.monotonic() + _PATIENCE, "nothing"
        while time.monotonic() < end:
            if self._outer.poll() is not None:
                return "The machine did not boot:"
            born = children.read_text(encoding="ascii").split()
            if born:
                self._first = int(born[0])
                told = subprocess.run(
                    self._inside(("systemctl", "is-system-running")),
                    check=False,
                    capture_output=True,
                    text=True,
                )
                state = told.stdout.strip() or told.stderr.strip()
                if state in {"running", "degraded"}:
                    return ""
            time.sleep(_LOOK_EVERY)
        return f"systemd did not come up in {_PATIENCE:.0f} seconds, and says: {state}."

    def _inside(self, command: Sequence[str]) -> Sequence[str]:
        enter = ("nsenter", "--target", str(self._first), "-m", "-p", "-u", "-i", "-n", "-C", "-r")
        variables = (f"PATH={_PATH}", "HOME=/root", "PYTHONHASHSEED=0", f"PYTHONPATH={ROOT}")
        return (*enter, "/usr/bin/env", "-i", "-C", "/", *variables, *command)

    def _end(self) -> None:
        if self._outer is not None:
            # With it goes process 1 of the machine, and with that every other one.
            self._outer.kill()
            self._outer.wait()
        for group in sorted(self._groups.rglob("*"), reverse=True):
            if group.is_dir():
                _remove(group)
        _remove(self._groups)
        _remove(self._folder)


def _control_groups() -> Path:
    """Return the control group in which this process is, where there is a place for others.

    Raises:
        Impossible: this host has none, or something else that is needed is missing.
    """
    if os.geteuid() != 0:
        raise Impossible("It makes namespaces and mounts: run it as root.")
    if not _SYSTEMD.exists():
        raise Impossible(f"There is no {_SYSTEMD} on this host.")
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise Impossible(f"These programs are missing: {', '.join(missing)}.")
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        raise Impossible("The kernel has no overlayfs.")
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[words.index("-") + 1] == "cgroup2":
            mounted = Path(words[4])
            break
    else:
        raise Impossible("No control groups of version 2 are mounted.")
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    within = next(line.removeprefix("0::/") for line in own if line.startswith("0::/"))
    if not os.access(mounted / within, os.W_OK):
        raise Impossible(f"No control group can be made in {mounted / within}.")
    return mounted / within


def _remove(folder: Path) -> None:
    """Remove an empty folder or a control group; one whose last process is just going, soon."""
    end = time.monotonic() + _PATIENCE
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK_EVERY)
