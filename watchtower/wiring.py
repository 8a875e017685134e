"""The operator's settings, in the words of the rooms that they are for.

Settings know nothing of the rooms, and the rooms nothing of the file; this is all that lies
between. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from watchtower.alert_settings import AlertSettings
from watchtower.alerts.quiet import QuietHours
from watchtower.claims.exposure import ServingLimits
from watchtower.claims.sight import Guard
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.keys.authority import Right
from watchtower.ledger.link import LinkSettings
from watchtower.response.fees import FeePolicy
from watchtower.response.respond import Limits
from watchtower.response.tickets import TicketPool
from watchtower.settings import Settings
from watchtower.store.space import Thresholds
from watchtower.units import Address, Drops

__all__ = [
    "backup_hours_of",
    "guard_of",
    "is_quiet_of",
    "limits_of",
    "link_settings",
    "payer_policy_of",
    "policy_of",
    "pool_of",
    "rights_of",
    "serving_limits_of",
    "thresholds_of",
]

_MILLION: Final = 1_000_000
_HOUR: Final = 3_600


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the settings spell."""
    policy = settings.policy
    return Policy(
        margin=policy.margin_seconds,
        cancel_after_lead=policy.cancel_after_lead_seconds,
        min_settle_delay=policy.min_settle_delay_seconds,
        exposure_limit=Drops(policy.exposure_limit_drops) or None,
        redeem_every=policy.redeem_every_seconds or None,
        stand_by_ppm=round(policy.stand_by_share * _MILLION),
    )


def guard_of(settings: Settings) -> Guard:
    """Return for whom claims are taken, by the settings."""
    return Guard(
        payees=settings.payees,
        payers=settings.payers,
        policy=policy_of(settings),
        limits=serving_limits_of(settings),
    )


def serving_limits_of(settings: Settings) -> ServingLimits:
    """Return how much may be at stake before nothing more is served, by the settings."""
    claims = settings.claims
    return ServingLimits(
        channel=Drops(claims.most_at_stake_per_channel_drops) or None,
        payer=Drops(claims.most_at_stake_per_payer_drops) or None,
        total=Drops(claims.most_at_stake_drops) or None,
    )


def thresholds_of(settings: Settings) -> Thresholds:
    """Return when it is told that the store's disk fills, by the settings."""
    space = settings.space
    return Thresholds(
        warning_bytes=space.warning_bytes,
        urgent_bytes=space.urgent_bytes,
        warning_seconds=space.warning_hours * _HOUR,
        urgent_seconds=space.urgent_hours * _HOUR,
    )


def payer_policy_of(settings: Settings) -> PayerPolicy:
    """Return what the settings want for accounts that pay."""
    payer = settings.payer
    return PayerPolicy(
        finalise=payer.finalise,
        margin=payer.finalise_margin_seconds,
        close_on_foreign=payer.close_on_foreign_claim,
        register_all=payer.register_all,
    )


def limits_of(settings: Settings) -> Limits:
    """Return what redeeming may cost, by the settings."""
    fees = settings.fees
    return Limits(
        fees=FeePolicy(
            share_ppm=round(fees.budget_share * _MILLION),
            haste_ppm=round(fees.haste_share * _MILLION),
            cap=Drops(fees.cap_drops),
            daily_cap=Drops(fees.daily_cap_drops),
        ),
        last_ledger_offset=fees.last_ledger_offset,
    )


def pool_of(settings: Settings) -> TicketPool:
    """Return how many tickets each account should have ready, by the settings."""
    return TicketPool(size=settings.tickets.pool, low_water=settings.tickets.low_water)


def rights_of(settings: Settings) -> dict[Address, tuple[Right, ...]]:
    """Return by what rights each account may be signed for, in their order, by the settings."""
    named = settings.rights.items()
    return {account: tuple(Right(name) for name in rights) for account, rights in named}


def link_settings(settings: Settings) -> LinkSettings:
    """Return how servers are dealt with, by the settings."""
    return LinkSettings(
        request_timeout=settings.ledger.request_timeout_seconds,
        silence=settings.ledger.silence_seconds,
    )


def backup_hours_of(settings: Settings) -> int:
    """Return after how many hours the newest backup is old; 0 where none is wanted."""
    return settings.backup.old_hours if settings.backup.recipients else 0


def is_quiet_of(alerts: AlertSettings, wall: Callable[[], float]) -> Callable[[], bool]:
    """Return what says whether these are the quiet hours, by ``wall``, Unix seconds of the host.

    No other decision is made by the host's clock: a wrong one delays what could wait anyway.
    """
    hours = QuietHours.parse(alerts.quiet_hours)
    zone = ZoneInfo(alerts.timezone) if alerts.timezone else None

    def is_quiet() -> bool:
        if hours is None:
            return False
        return hours.cover(datetime.fromtimestamp(wall(), UTC).astimezone(zone).time())

    return is_quiet
