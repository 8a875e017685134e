"""The plan for a channel that follows another one, since a channel's key cannot be changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.store import make
from watchtower.keys.succession import plan_succession
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, ChannelId, Drops

NEW = f"02{'AB' * 32}"


def entry(*, amount: int = 100, balance: int = 10) -> ChannelEntry:
    """A channel with tags, and a settle delay of an hour."""
    return ChannelEntry(
        channel=ChannelId("C" * 64),
        source=make.PAYER,
        destination=make.PAYEE,
        amount=Drops(amount),
        balance=Drops(balance),
        public_key=make.KEY,
        settle_delay=3600,
        source_tag=5,
        destination_tag=7,
    )


def test_the_successor_is_like_the_old_one_but_for_its_key() -> None:
    """With what the old one has not promised yet."""
    assert plan_succession(entry(), NEW, Drops(40)).create == {
        "TransactionType": "PaymentChannelCreate",
        "Account": make.PAYER,
        "Destination": make.PAYEE,
        "Amount": "60",
        "SettleDelay": 3600,
        "PublicKey": NEW,
        "SourceTag": 5,
        "DestinationTag": 7,
    }


@given(st.integers(1, 10**6), st.data())
def test_the_successor_is_never_empty_nor_larger(amount: int, data: st.DataObject) -> None:
    """Whatever was promised and paid."""
    balance = data.draw(st.integers(0, amount))
    best = data.draw(st.one_of(st.none(), st.integers(1, 2 * amount)))
    old = entry(amount=amount, balance=balance)
    plan = plan_succession(old, NEW, None if best is None else Drops(best))
    assert 0 < int(plan.create["Amount"]) <= amount


def test_the_old_channel_is_closed_behind_its_last_claim_and_not_before() -> None:
    """First the successor, then no more serving, then redeeming, then closing."""
    who, what = zip(*plan_succession(entry(), NEW, Drops(40)).steps, strict=True)
    assert who == ("payer", "payee", "payer", "payee", "payee", "payer", "payer")
    order = [
        next(place for place, step in enumerate(what) if sign in step)
        for sign in ("PaymentChannelCreate", "protectable", "stop serving", "redeem", "tfClose")
    ]
    assert order == sorted(order)
    assert "0.00003 XRP" in what[4] or "30 drops" in what[4]
    assert "redeem nothing" in plan_succession(entry(), NEW, None).steps[4].what


def test_a_plan_names_accounts_as_the_ledger_does() -> None:
    """It can be signed as it is, once a wallet has filled in fee and sequence."""
    create = plan_succession(entry(), NEW, None).create
    assert Address(create["Account"]) == make.PAYER
    assert "tfClose" not in create
    assert "Flags" not in create
