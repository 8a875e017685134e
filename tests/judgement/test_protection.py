"""Protectability: every reason at its border, all of them together, and none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import (
    CancelAfterNear,
    KeyUnusable,
    PayeeMissing,
    SettleDelayShort,
    SettleDelayWraps,
    Unprotectable,
    unprotectable,
)
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, ChannelId, Drops, RippleTime

PAYEE = Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX")
ENTRY = ChannelEntry(
    channel=ChannelId("A" * 64),
    source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
    destination=PAYEE,
    amount=Drops(100),
    balance=Drops(10),
    public_key="ED" + "0" * 64,
    settle_delay=3600,
)
NOW = 820_000_000
TEN_YEARS = 10 * 365 * 86_400


def reasons(entry: ChannelEntry, policy: Policy | None = None) -> tuple[Unprotectable, ...]:
    """Every reason for ``entry``, with the payee in place."""
    return unprotectable(
        entry, ledger_time=RippleTime(NOW), policy=policy or Policy(), payee_exists=True
    )


def test_ordinary_channel_is_protectable() -> None:
    """An hour of settle delay, no CancelAfter."""
    assert reasons(ENTRY) == ()


@pytest.mark.parametrize(
    ("settle_delay", "horizon", "wraps"),
    [
        (2**32 - NOW, 0, True),
        (2**32 - NOW - 1, 0, False),
        (2**32 - NOW - TEN_YEARS, TEN_YEARS, True),
        (2**32 - NOW - TEN_YEARS - 1, TEN_YEARS, False),
        (2**32 - 1, 0, True),
    ],
)
def test_settle_delay_that_wraps_now_or_within_years_is_not_promised(
    settle_delay: int,
    horizon: int,
    wraps: bool,  # noqa: FBT001 - a table
) -> None:
    """A sum of exactly 2**32 is zero on the ledger's clock."""
    found = reasons(replace(ENTRY, settle_delay=settle_delay), Policy(wrap_horizon=horizon))
    wrap = SettleDelayWraps(settle_delay=settle_delay, wraps_from=RippleTime(2**32 - settle_delay))
    assert found == ((wrap,) if wraps else ())


def test_settle_delay_below_the_minimum_is_not_promised() -> None:
    """The minimum itself is enough."""
    assert reasons(replace(ENTRY, settle_delay=900)) == ()
    short = SettleDelayShort(settle_delay=899, minimum=900)
    assert reasons(replace(ENTRY, settle_delay=899)) == (short,)


@pytest.mark.parametrize(("left", "near"), [(21_601, False), (21_600, True), (0, True), (-9, True)])
def test_cancel_after_near_or_past_is_not_promised(left: int, near: bool) -> None:  # noqa: FBT001 - a table
    """Within the lead a claim given now may come too late."""
    found = reasons(replace(ENTRY, cancel_after=RippleTime(NOW + left)))
    reason = CancelAfterNear(cancel_after=RippleTime(NOW + left), lead=21_600)
    assert found == ((reason,) if near else ())


@pytest.mark.parametrize("key", ["04" + "0" * 64, "ED" + "0" * 62, "02" + "0" * 66])
def test_key_of_no_known_type_is_not_promised(key: str) -> None:
    """No claim can be signed with it."""
    assert reasons(replace(ENTRY, public_key=key)) == (KeyUnusable(public_key=key),)


def test_all_reasons_are_told_together() -> None:
    """One reason hides no other."""
    worst = replace(ENTRY, settle_delay=0, cancel_after=RippleTime(NOW), public_key="04" + "0" * 64)
    found = unprotectable(
        worst,
        ledger_time=RippleTime(NOW),
        policy=Policy(wrap_horizon=2**32),
        payee_exists=False,
    )
    assert [type(reason) for reason in found] == [
        SettleDelayWraps, SettleDelayShort, CancelAfterNear, PayeeMissing, KeyUnusable,
    ]  # fmt: skip
    assert PayeeMissing(destination=PAYEE) in found
