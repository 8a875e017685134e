"""Everything that can be measured, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bench import (
    backfill,
    backups,
    encodings,
    http_intake,
    intake,
    mass_exit,
    mqtt_intake,
    pruning,
    reaction,
    sandbox_channels,
    sandbox_start,
    searched,
    signatures,
    signing,
    signing_apart,
    troubled,
    watching,
)
from bench.report import Report
from bench.scale import Scale

__all__ = ["MEASUREMENTS", "chosen"]

MEASUREMENTS: Final[dict[str, Callable[[Scale], Report]]] = {
    "encode": encodings.measure,
    "verify": signatures.measure,
    "sign": signing.measure,
    "sign.apart": signing_apart.measure,
    "intake": intake.measure,
    "intake.http": http_intake.measure,
    "intake.mqtt": mqtt_intake.measure,
    "sandbox.start": sandbox_start.measure,
    "sandbox.ledgers": sandbox_channels.measure_ledgers,
    "sandbox.creates": sandbox_channels.measure_creates,
    "sandbox.claims": sandbox_channels.measure_claims,
    "sandbox.memory": sandbox_channels.measure_memory,
    "exit.calm": mass_exit.measure,
    "exit.tight": mass_exit.measure_tight,
    "exit.crowded": mass_exit.measure_crowded,
    "backfill": backfill.measure,
    "react": reaction.measure,
    "react.trouble": troubled.measure,
    "react.searched": searched.measure,
    "close.idle": reaction.measure_idle,
    "watch": watching.measure,
    "backup": backups.measure,
    "prune": pruning.measure,
}
"""What measures it, in the order in which it is done."""


def chosen(names: Sequence[str]) -> list[str]:
    """Return the measurements that are called so, or stand under that name; all, of no names.

    Raises:
        KeyError: a name that fits none.
    """
    for name in names:
        if not any(_fits(known, name) for known in MEASUREMENTS):
            raise KeyError(name)
    return [k for k in MEASUREMENTS if not names or any(_fits(k, name) for name in names)]


def _fits(known: str, name: str) -> bool:
    return known == name or known.startswith(f"{name}.")
