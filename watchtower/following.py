"""Which part of the daemon follows which settings while it runs; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchtower.claims.door import Door
from watchtower.claims.intake import Intake
from watchtower.interfaces.inquiries import Inquiries
from watchtower.logs import configure
from watchtower.reloading import Reloading
from watchtower.response.respond import Responder
from watchtower.response.restock import Restocker
from watchtower.settings import LogSettings
from watchtower.signing import Signing
from watchtower.store.reserve import Reserve
from watchtower.telling import Telling
from watchtower.tower.backup_watch import BackupWatch
from watchtower.tower.drill_watch import DrillWatch
from watchtower.tower.foresight import Foresight
from watchtower.tower.locksmith import Locksmith
from watchtower.tower.lookout import Lookout
from watchtower.tower.means import Means
from watchtower.tower.restraint import Restraint
from watchtower.tower.retention import Retention
from watchtower.tower.space_watch import SpaceWatch
from watchtower.tower.tower import Tower
from watchtower.wiring import (
    backup_hours_of,
    guard_of,
    is_quiet_of,
    limits_of,
    payer_policy_of,
    policy_of,
    pool_of,
    serving_limits_of,
    thresholds_of,
)

__all__ = [
    "alarms_follow",
    "front_follows",
    "intake_follows",
    "judging_follows",
    "log_follows",
    "looks_follow",
    "responding_follows",
    "retention_follows",
    "rounds_follow",
]


def alarms_follow(reloading: Reloading, telling: Telling, wall: Callable[[], float]) -> None:
    """Have alarms follow: where they go, what their files say, how often, when, and signs of life.

    ``wall`` gives the host's Unix seconds.
    """
    reloading.follow(telling.again, telling.take, has_files=True)
    reloading.follow(
        lambda new: (new.alerts, is_quiet_of(new.alerts, wall)),
        lambda new: telling.desk.hold_to(
            repeat_after=new[0].repeat_seconds,
            escalate_after=new[0].escalate_after,
            guide=new[0].guide_url,
            is_quiet=new[1],
        ),
    )


def log_follows(reloading: Reloading) -> None:
    """Have the log follow: how much of it, and in which form."""
    held = [reloading.settings.log]

    def reconfigure(log: LogSettings) -> None:
        before, held[0] = held[0], log
        if log != before:
            configure(level=log.level, as_json=log.json)

    reloading.follow(lambda settings: settings.log, reconfigure)


def responding_follows(
    reloading: Reloading,
    *,
    responder: Responder,
    restocker: Restocker,
    means: Means,
    signing: Signing,
) -> None:
    """Have follow what responding may cost, and how many tickets there should be."""
    reloading.follow(limits_of, responder.hold_to)
    reloading.follow(
        lambda new: (limits_of(new), pool_of(new)), lambda new: restocker.hold_to(*new)
    )
    reloading.follow(
        lambda new: (pool_of(new), limits_of(new).fees.cap), lambda new: means.hold_to(*new)
    )
    reloading.follow(
        lambda new: (limits_of(new).fees.cap, pool_of(new).size),
        lambda new: signing.hold_to(*new),
    )


def judging_follows(reloading: Reloading, tower: Tower) -> None:
    """Have follow by which policy channels are judged; it is done at once.

    Of all that follows the last: it wakes whoever judges, and responds, by all the rest.
    """
    reloading.follow(
        lambda new: (policy_of(new), payer_policy_of(new)), lambda new: tower.hold_to(*new)
    )


def rounds_follow(
    reloading: Reloading,
    *,
    intake: Intake,
    foresight: Foresight,
    restraint: Restraint,
    locksmith: Locksmith | None,
) -> None:
    """Have follow what the rounds see to, and whoever decides about claims that waited."""
    intake_follows(reloading, [intake])
    reloading.follow(
        lambda new: (limits_of(new), pool_of(new)), lambda new: foresight.hold_to(*new)
    )
    reloading.follow(serving_limits_of, restraint.hold_to)
    if locksmith is not None:
        reloading.follow(lambda new: limits_of(new).fees.cap, locksmith.hold_to)


def looks_follow(
    reloading: Reloading,
    *,
    space: SpaceWatch,
    reserve: Reserve,
    drills: DrillWatch,
    backups: BackupWatch,
) -> None:
    """Have follow what is looked at in every round."""
    reloading.follow(thresholds_of, space.hold_to)
    reloading.follow(lambda new: new.space.reserve_bytes, reserve.hold_to)
    reloading.follow(lambda new: new.drill.every_days, drills.hold_to)
    reloading.follow(backup_hours_of, backups.hold_to)


def intake_follows(reloading: Reloading, intakes: Iterable[Intake]) -> None:
    """Have whoever takes claims follow: by which policy, and under which limits."""
    reloading.follow(guard_of, *(intake.hold_to for intake in intakes))


def front_follows(
    reloading: Reloading, *, intake: Intake, door: Door, lookout: Lookout, inquiries: Inquiries
) -> None:
    """Have follow what is answered to those who come with claims and questions."""
    intake_follows(reloading, [intake])
    reloading.follow(guard_of, door.hold_to)
    reloading.follow(lambda new: new.claims.stale_seconds, lookout.hold_to)
    reloading.follow(lambda new: new, inquiries.hold_to)


def retention_follows(reloading: Reloading, retention: Retention) -> None:
    """Have follow how long the journal is kept."""
    reloading.follow(lambda new: new.journal.keep_days, retention.hold_to)
