"""What the operator of a world says: its settings, and by which rights the tower may sign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from simulation.company import places_of
from simulation.entitlement import Entitlement
from simulation.holders import PAYEE, SHARE, TOWER
from simulation.script import Script
from watchtower.settings import Settings

__all__ = ["settings_of"]


def settings_of(script: Script, urls: Sequence[str], folder: Path) -> Settings:
    """Return the settings of a world, whose store is in ``folder``."""
    told = {
        "accounts": [PAYEE.address],
        "servers": urls,
        "store": str(folder / "store.db"),
        "authority": _authority(script.entitled, folder),
        **script.settings,
    }
    return msgspec.convert(told, Settings)


def _authority(entitled: Entitlement, folder: Path) -> dict[str, Any]:
    """Return what the operator says of rights."""
    told: dict[str, Any] = {
        "rights": entitled.rights,
        "allow_master_key": "master_key" in entitled.rights,
    }
    if entitled.has("delegated"):
        told["delegate"] = {"account": TOWER.address}
    if entitled.has("signer_list"):
        token = folder / "token"
        token.touch(mode=0o600)
        told |= {"signer": SHARE.address, "cosigners": places_of(token)}
    return told
