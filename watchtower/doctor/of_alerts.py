"""Whether anybody would be told, and would notice that nobody tells any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchtower.doctor.finding import Finding, Level, ok

__all__ = ["of_alerts"]


def of_alerts(*, routes: int, has_heartbeat: bool) -> Iterator[Finding]:
    """Yield whether alarms leave the house.

    Args:
        routes: by how many ways, besides the log.
        has_heartbeat: whether somebody outside is told that the tower lives.
    """
    if routes == 0:
        yield Finding(
            check="alerts.routes",
            level=Level.WARNING,
            sentence="Alarms go to the log alone, which nobody reads at night: set a route under "
            "`[alerts]`.",
        )
    elif routes == 1:
        yield Finding(
            check="alerts.routes",
            level=Level.NOTICE,
            sentence="Alarms leave by one way only; if it fails, nobody is told. A second one "
            "under `[alerts]` costs little.",
        )
    else:
        yield ok("alerts.routes", f"Alarms leave by {routes} ways.")
    if has_heartbeat:
        yield ok("alerts.heartbeat", "A heartbeat is sent while ledgers advance.")
    else:
        yield Finding(
            check="alerts.heartbeat",
            level=Level.WARNING,
            sentence="No heartbeat is sent: if this machine dies, nobody notices. Set "
            "`alerts.heartbeat_url` to a dead man's switch outside.",
        )
