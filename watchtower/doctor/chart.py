"""Whom the doctor looks at, and what was seen so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchtower.doctor.finding import Finding
from watchtower.doctor.look_at_servers import ServerSeen
from watchtower.doctor.look_at_store import Inside
from watchtower.doctor.of_machine import UnitFacts
from watchtower.doctor.of_rights import Stand
from watchtower.keys.ways import AnyWayIn
from watchtower.ledger.socket import Dial
from watchtower.ledger.websocket import dial
from watchtower.settings import Settings

if TYPE_CHECKING:
    from watchtower.keys.hsm import Hsm

__all__ = ["Chart", "Patient"]

_WITHIN: Final = 20.0
"""Seconds for each look; opening a store takes one or two, a signer apart five at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Whom the doctor looks at, and how.

    Attributes:
        config: where the configuration is.
        loaded: what it says.
        environment: where passphrases, credentials and files are named.
        ways: what opens the store without asking anybody.
        asking: what asks a person for the passphrase; None where nobody sits.
        hsm: the token, one for all that is asked of it; None where there is none.
        offline: whether servers and the broker are left alone.
        dial: opens connections to servers.
        within: seconds for each look.
    """

    config: Path
    loaded: Settings
    environment: Mapping[str, str]
    ways: AnyWayIn
    asking: AnyWayIn | None = None
    hsm: Hsm | None = None
    offline: bool = False
    dial: Dial = dial
    within: float = _WITHIN


@dataclass(slots=True)
class Chart:
    """What was seen so far, and found.

    Attributes:
        findings: what was found.
        servers: what each server told.
        inside: what is in the store; None if it was not opened.
        network: the network that the store is pinned to.
        stands: by what we could sign.
        is_unasked: whether there may be keys that could not be asked for.
        synchronised: whether systemd knows the clock to be; None where it does not tell.
        unit: the daemon's unit; None without systemd.
    """

    findings: list[Finding] = field(default_factory=list)
    servers: list[ServerSeen] = field(default_factory=list)
    inside: Inside | None = None
    network: int | None = None
    stands: list[Stand] = field(default_factory=list)
    is_unasked: bool = False
    synchronised: bool | None = None
    unit: UnitFacts | None = None
