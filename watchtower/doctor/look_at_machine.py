"""Looking at the machine: systemd by its own commands, and the kernel's limits of this process."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from typing import Final

from watchtower.doctor.of_machine import LimitFacts, UnitFacts

__all__ = ["is_synchronised", "look_at_limits", "look_at_unit"]

_BOOTED: Final = Path("/run/systemd/system")
"""Is there where systemd is what runs the machine (sd_booted(3))."""

_UNIT: Final = "watchtower.service"
_OURS: Final = Path(__file__).parents[2] / "systemd" / _UNIT
"""This version's unit, where the tower runs from its project's folder."""


async def _said(*command: str) -> dict[str, str] | None:
    """Return the properties that a command of systemd prints; None where there is none."""
    if not await asyncio.to_thread(_BOOTED.is_dir):
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
    except OSError:
        return None
    try:
        told, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        return None
    lines = told.decode(errors="replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


async def look_at_unit() -> UnitFacts | None:
    """Return how the daemon's unit is; None where there is no systemd."""
    names = "LoadState,ActiveState,UnitFileState,FragmentPath,WatchdogUSec,NeedDaemonReload"
    told = await _said("systemctl", "show", _UNIT, f"--property={names}")
    if told is None:
        return None
    path = told.get("FragmentPath", "")
    return UnitFacts(
        name=_UNIT,
        is_loaded=told.get("LoadState") == "loaded",
        is_enabled=told.get("UnitFileState", "").startswith("enabled"),
        is_active=told.get("ActiveState") in {"active", "activating", "reloading"},
        has_watchdog=told.get("WatchdogUSec", "0") not in {"0", "", "infinity"},
        path=path,
        is_same=await asyncio.to_thread(_is_ours, path),
        needs_reload=told.get("NeedDaemonReload") == "yes",
    )


def _is_ours(path: str) -> bool | None:
    try:
        return _OURS.read_bytes() == Path(path).read_bytes()
    except OSError:
        return None


async def is_synchronised() -> bool | None:
    """Return whether systemd knows the clock to be synchronised; None where it does not tell."""
    told = await _said("timedatectl", "show", "--property=NTPSynchronized")
    return None if not told else told.get("NTPSynchronized") == "yes"


def look_at_limits() -> LimitFacts:
    """Return what the kernel allows this process."""
    return LimitFacts(
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        core_bytes=resource.getrlimit(resource.RLIMIT_CORE)[0],
    )
