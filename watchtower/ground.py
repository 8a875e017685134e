"""What stands before the first task of the daemon runs, and after the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.systemd import ServiceManager
from watchtower.keys.cosigned import CosignedHand
from watchtower.keys.signer_line import SignerLine
from watchtower.ledger.servers import Servers
from watchtower.ledger.stream import Stream
from watchtower.machine import Machine
from watchtower.metrics.measures import Measures
from watchtower.reloading import Reloading
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.reserve import Reserve
from watchtower.telling import Telling
from watchtower.tower.changes import Changes
from watchtower.tower.losses import Losses
from watchtower.tower.memory import Memory
from watchtower.units import Address

if TYPE_CHECKING:
    from watchtower.interfaces.mqtt.cosign_line import CosignLine
    from watchtower.keys.hsm_keys import HsmKeys

__all__ = ["Ground"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What stands before the first task runs, and after the last one ended.

    ``settings`` are those of the start; what holds now, where that is live, is ``reloading``'s.
    """

    settings: Settings
    reloading: Reloading
    accounts: tuple[Address, ...]
    store: Store
    reserve: Reserve
    servers: Servers
    stream: Stream
    watch: Watch
    changes: Changes
    losses: Losses
    measures: Measures
    feed: Feed
    deliverer: Deliverer
    desk: Desk
    cosigned: CosignedHand | None
    cosign_line: CosignLine | None
    telling: Telling
    service: ServiceManager
    line: SignerLine | None
    memory: Memory
    shadow: bool
    once: bool
    machine: Machine
    hsm_keys: HsmKeys | None
