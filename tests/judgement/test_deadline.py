"""For how long redeeming stays sure, whatever the payer does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from watchtower.judgement.deadline import notice_of
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, ChannelId, Drops, RippleTime

NOW = RippleTime(820_000_000)
MARGIN = 100
ENTRY = ChannelEntry(
    channel=ChannelId("A" * 64),
    source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
    destination=Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX"),
    amount=Drops(100),
    balance=Drops(0),
    public_key="ED" + "00" * 32,
    settle_delay=3_600,
)


@pytest.mark.parametrize(
    ("changes", "notice"),
    [
        ({}, 3_500),
        ({"settle_delay": 100}, 0),
        ({"settle_delay": 0}, 0),
        ({"expiration": RippleTime(NOW + 1_000)}, 900),
        # The payer can pull an end that it set far away down to its settle delay.
        ({"expiration": RippleTime(NOW + 9_000)}, 3_500),
        ({"cancel_after": RippleTime(NOW + 9_000)}, 3_500),
        ({"cancel_after": RippleTime(NOW + 1_000)}, 900),
        (
            {"expiration": RippleTime(NOW + 3_000), "cancel_after": RippleTime(NOW + 2_000)},
            1_900,
        ),
        ({"expiration": RippleTime(NOW)}, 0),
        ({"expiration": RippleTime(NOW - 50)}, 0),
    ],
)
def test_notice_is_the_worst_that_the_payer_leaves(changes: dict[str, int], notice: int) -> None:
    """What it can do is to ask for closing in the next ledger."""
    entry = structs.replace(ENTRY, **changes)
    assert notice_of(entry, NOW, Policy(margin=MARGIN)) == notice


def test_there_is_no_notice_where_the_settle_delay_wraps() -> None:
    """Such a channel can be over in the ledger that asks, unless the network has mended it."""
    entry = structs.replace(ENTRY, settle_delay=2**32 - NOW)
    mended = replace(STRICT, settle_delay_wraps=False)
    found = [notice_of(entry, NOW, Policy(margin=MARGIN), rules) for rules in (STRICT, mended)]
    assert found == [0, 2**32 - NOW - MARGIN]
    just_below = structs.replace(ENTRY, settle_delay=2**32 - NOW - 1)
    assert notice_of(just_below, NOW, Policy(margin=MARGIN)) == 2**32 - NOW - 1 - MARGIN
