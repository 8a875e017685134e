"""The sections of the configuration: what an operator may say of each matter, with its type.

What may not be said together is told by ``settings.py``, and so is what other rooms need of files.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from watchtower.authority_settings import RightName

__all__ = [
    "AccountSettings",
    "ClaimSettings",
    "FeeSettings",
    "JournalSettings",
    "LedgerSettings",
    "LogSettings",
    "PayerSettings",
    "PolicySettings",
    "Role",
    "SpaceSettings",
    "TicketSettings",
]

Seconds = Annotated[int, Meta(ge=0, le=2**31)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=86_400)]
DropsSetting = Annotated[int, Meta(ge=0, le=100_000_000_000_000_000)]

Role = Literal["payee", "payer", "both"]
"""On which side of its channels an account is guarded."""


class AccountSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is not only guarded as a payee, or by rights of its own."""

    address: str
    role: Role = "payee"
    rights: tuple[RightName, ...] | None = None


class PolicySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When to redeem, and what a channel must be like before we promise anything.

    All times are seconds of ledger time, amounts are drops; 0 switches a limit off. With
    ``stand_by_share`` another tower with the same key acts first.
    """

    margin_seconds: Seconds = 120
    min_settle_delay_seconds: Seconds = 900
    cancel_after_lead_seconds: Seconds = 21_600
    exposure_limit_drops: DropsSetting = 0
    redeem_every_seconds: Seconds = 0
    stand_by_share: float = 0.0


class FeeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What redeeming may cost: shares of what is at stake, and absolute limits in drops."""

    budget_share: float = 0.5
    haste_share: float = 0.001
    cap_drops: DropsSetting = 1_000_000
    daily_cap_drops: DropsSetting = 20_000_000
    last_ledger_offset: Annotated[int, Meta(ge=4, le=200)] = 8


class PayerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done for accounts that pay: about channels that ended, and stolen claim keys.

    With ``register_all`` a channel for which nothing was registered as signed is taken to have
    nothing signed; without it such a channel is not judged for foreign claims.
    """

    finalise: bool = True
    finalise_margin_seconds: Seconds = 60
    close_on_foreign_claim: bool = False
    register_all: bool = False


class TicketSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How many tickets each account has ready, and how few before more are made."""

    pool: Annotated[int, Meta(ge=0, le=250)] = 4
    low_water: Annotated[int, Meta(ge=0, le=250)] = 2


class LedgerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait for servers, and how often to look at everything again."""

    request_timeout_seconds: PositiveSeconds = 10.0
    silence_seconds: PositiveSeconds = 20.0
    reconcile_seconds: PositiveSeconds = 600.0


class ClaimSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When nothing is served against a claim, although it is kept.

    Without a ledger for ``stale_seconds``, and while more would be at stake with it than may be:
    on its channel, on all channels of its payer, on all. 0 switches such a limit off.
    """

    stale_seconds: PositiveSeconds = 30.0
    most_at_stake_per_channel_drops: DropsSetting = 0
    most_at_stake_per_payer_drops: DropsSetting = 0
    most_at_stake_drops: DropsSetting = 0


class JournalSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days the journal keeps what nobody needs any more; 0 for ever."""

    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 0


class SpaceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept free on the store's disk, and when to tell that it fills; 0 switches off."""

    reserve_bytes: Annotated[int, Meta(ge=0, le=1_073_741_824)] = 16_777_216
    warning_bytes: Annotated[int, Meta(ge=0)] = 1_073_741_824
    urgent_bytes: Annotated[int, Meta(ge=0)] = 268_435_456
    warning_hours: Annotated[int, Meta(ge=0)] = 168
    urgent_hours: Annotated[int, Meta(ge=0)] = 24


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much to log, and in which form."""

    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    json: bool | None = None
