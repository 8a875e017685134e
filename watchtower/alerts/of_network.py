"""The alarms about the network itself, and our clock beside its: see ``catalogue.py``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import RippleTime, format_time

__all__ = ["clock_off", "network_ahead", "no_server", "servers_ahead"]

HOST: Final = "host"
"""Whose clock it is."""

SERVERS: Final = "servers"
"""Whom it is about: all of them together, or most."""


def clock_off(*, seconds: float) -> Alarm:
    """The host's clock agreed with the ledger's time, and does not any more.

    ``seconds`` is by how many it is ahead.
    """
    side = "ahead of" if seconds > 0 else "behind"
    return Alarm(
        name="clock_off",
        subject=HOST,
        severity=Severity.WARNING,
        sentence=f"The host's clock is {abs(seconds):.0f} s {side} the time of the ledgers that "
        "come. Channels are guarded by ledger time and are as safe as before, but certificates, "
        "tokens, backups and the log go by the clock. See what `timedatectl` says, and have NTP "
        "set it.",
    )


def network_ahead(amendment: str, *, name: str | None, enabled_at: RippleTime | None) -> Alarm:
    """The network has, or will have, an amendment that this version does not know.

    ``enabled_at`` is when it is enabled if its majority lasts; None if it is.
    """
    what = f"Amendment {amendment}" if name is None else f"Amendment {name} ({amendment})"
    when = (
        "is enabled on this network"
        if enabled_at is None
        else "has a majority of this network's validators, and will be enabled at about "
        f"{format_time(enabled_at)} if that lasts"
    )
    return Alarm(
        name="network_ahead",
        subject=amendment,
        severity=Severity.WARNING,
        sentence=f"{what} {when}. This version does not know it, and cannot say whether it changes "
        "channels or the transactions that redeem them. Upgrade the watchtower to a version whose "
        "release notes name it.",
    )


def no_server(whys: Mapping[str, str]) -> Alarm:
    """Nothing is heard from any server: the tower is blind. ``whys`` say of each why."""
    heard = "; ".join(f"{server}: {why}" for server, why in whys.items())
    return Alarm(
        name="no_server",
        subject=SERVERS,
        severity=Severity.URGENT,
        sentence=f"No server is heard ({heard}): the watchtower is blind, and close requests go "
        "unseen. Check the network, or name servers that answer.",
    )


def servers_ahead(release: str, *, known: str) -> Alarm:
    """Most servers run a newer release of the ledger's software than this version was made with.

    It decides nothing and is the servers' own word, so nobody is woken by it.
    """
    return Alarm(
        name="servers_ahead",
        subject=SERVERS,
        severity=Severity.INFO,
        sentence=f"Most of your servers run xrpld {release} or newer, and this version of the "
        f"watchtower was made with {known}. It goes on by the rules that it knows. See whether "
        "there is a version whose release notes name that release, and upgrade to it.",
    )
