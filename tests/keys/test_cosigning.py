"""What a co-signer signs, and what it does not: the reasons one by one, and the rule at large."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys.test_multisign import CHANNEL, PAYEE, PAYER, claim, with_high_s
from watchtower.judgement.claim import Claim
from watchtower.keys.cosigning import (
    CosignPolicy,
    DayCosigned,
    Known,
    Now,
    seat_of,
    why_not_cosign,
)
from watchtower.ledger.events import ChannelEntry, Seat
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

ID = ChannelId(CHANNEL)
ENTRY = ChannelEntry(
    channel=ID,
    source=PAYER.address,
    destination=PAYEE.address,
    amount=Drops(100 * XRP),
    balance=Drops(1 * XRP),
    public_key=PAYER.public_key,
    settle_delay=3600,
)
POLICY = CosignPolicy(
    payees=frozenset({PAYEE.address}),
    fee_cap=Drops(1_000),
    daily_cap=Drops(2_000),
    most_ledgers=32,
    network_id=0,
)
NOW = Now(validated=LedgerIndex(12), time=RippleTime(86_400 * 9 + 5))


def best(drops: int) -> Claim:
    """A claim that the co-signer holds."""
    amount = Drops(drops)
    return Claim(
        channel=ID,
        amount=amount,
        public_key=PAYER.public_key,
        signature=PAYER.sign_claim(ID, amount),
    )


def of(drops: int, **more: Any) -> dict[str, Any]:
    """A transaction that redeems a claim of so much."""
    signature = PAYER.sign_claim(ID, Drops(drops))
    return claim(Amount=str(drops), Balance=str(drops), Signature=signature, **more)


def why(transaction: dict[str, Any], **more: Any) -> str | None:
    """Why the co-signer does not sign, by what it usually knows."""
    asked: dict[str, Any] = {
        "known": Known(entry=ENTRY, best=best(3 * XRP)),
        "policy": POLICY,
        "now": NOW,
        "day": DayCosigned(),
        **more,
    }
    known, policy = asked.pop("known"), asked.pop("policy")
    return why_not_cosign(transaction, known, policy, **asked)


def test_the_best_claim_and_any_better_one_is_signed() -> None:
    """What the payee is owed."""
    assert why(of(3 * XRP)) is None
    assert why(of(4 * XRP)) is None


def test_a_claim_above_the_funds_is_signed_for_all_that_there_is() -> None:
    """More than the funds is refused by the ledger, and less is less than is owed."""
    above = of(150 * XRP)
    assert why({**above, "Balance": str(100 * XRP)}) is None
    assert "has to be 100000000" in (why(above) or "")
    assert "has to be 100000000" in (why({**above, "Balance": str(99 * XRP)}) or "")


_PAYMENT = {
    "TransactionType": "Payment",
    "Account": PAYEE.address,
    "Destination": PAYER.address,
    "Amount": "1000000",
    "Fee": "30",
    "Sequence": 7,
    "LastLedgerSequence": 20,
}


@pytest.mark.parametrize(
    ("transaction", "because"),
    [
        (_PAYMENT, "nothing but PaymentChannelClaim"),
        ({**_PAYMENT, "TransactionType": "TicketCreate"}, "nothing but PaymentChannelClaim"),
        ({}, "nothing but PaymentChannelClaim"),
        (of(3 * XRP, Flags=0x00020000), "tfClose is never signed"),
        (of(3 * XRP, Flags=0x00010000), "has flags"),
        (of(3 * XRP, Account=PAYER.address), "not from an account in the configuration"),
        (of(3 * XRP, Fee="1001"), "above the cap"),
        (of(3 * XRP, Memos=[]), "does not sign the field Memos"),
        (of(3 * XRP, Delegate=PAYER.address), "does not sign the field Delegate"),
        (of(3 * XRP, NetworkID=21338), "another network"),
        (of(3 * XRP, LastLedgerSequence=12), "last ledger is over"),
        (of(3 * XRP, LastLedgerSequence=45), "no more than 32"),
        (of(3 * XRP, LastLedgerSequence=0), "never lapse"),
        (of(2 * XRP), "one of 3 XRP is known here"),
        ({**of(3 * XRP), "Balance": str(2 * XRP)}, "has to be 3000000"),
        ({**of(3 * XRP), "Signature": "30" * 70}, "not one that the ledger takes"),
        (
            {**of(3 * XRP), "Signature": with_high_s(of(3 * XRP)["Signature"])},
            "not one that the ledger takes",
        ),
        ({**of(3 * XRP), "Channel": "CD" * 32}, "nothing is known here"),
        ({**of(3 * XRP), "PublicKey": PAYEE.public_key}, "another key"),
    ],
)
def test_whatever_else_is_asked_is_refused_with_its_reason(
    transaction: dict[str, Any], because: str
) -> None:
    """One sentence each."""
    assert because in (why(transaction) or "")


def test_a_transaction_without_a_last_ledger_is_refused() -> None:
    """It would be good for ever."""
    lasting = of(3 * XRP)
    del lasting["LastLedgerSequence"]
    assert "has no LastLedgerSequence" in (why(lasting) or "")


def test_what_the_co_signer_knows_itself_decides_about_the_channel() -> None:
    """That it pays another account, holds less, has paid already, or is gone."""
    other = msgspec.structs.replace(ENTRY, destination=PAYER.address)
    assert "pays another account" in (why(of(3 * XRP), known=Known(entry=other)) or "")
    paid = msgspec.structs.replace(ENTRY, balance=Drops(3 * XRP))
    assert "paid that already" in (why(of(3 * XRP), known=Known(entry=paid)) or "")
    poor = msgspec.structs.replace(ENTRY, amount=Drops(2 * XRP))
    assert "has to be 2000000" in (why(of(3 * XRP), known=Known(entry=poor)) or "")
    assert "nothing is known" in (why(of(3 * XRP), known=Known(entry=None)) or "")


def test_a_network_that_demands_its_number_gets_no_signature_without_it() -> None:
    """Without it a transaction would mean something elsewhere."""
    there = replace(POLICY, network_id=21338)
    assert "another network" in (why(of(3 * XRP), policy=there) or "")
    assert why(of(3 * XRP, NetworkID=21338), policy=there) is None


def test_a_day_has_its_cap_and_one_seat_is_paid_for_once() -> None:
    """Asking again for the same seat costs what the dearest costs; another seat is another fee."""
    day = DayCosigned()
    for fee in (600, 900, 700):
        assert why(of(3 * XRP, Fee=str(fee)), day=day) is None
        day = day.charged(PAYEE.address, Seat(number=7), Drops(fee), NOW.time)
    assert day.spent(PAYEE.address, NOW.time) == 900
    day = day.charged(PAYEE.address, Seat(number=8), Drops(900), NOW.time)
    assert "fees of today" in (why(of(3 * XRP, Sequence=9, Fee="201"), day=day) or "")
    assert why(of(3 * XRP, Sequence=9, Fee="200"), day=day) is None
    tomorrow = Now(validated=NOW.validated, time=RippleTime(NOW.time + 86_400))
    assert why(of(3 * XRP, Sequence=9, Fee="201"), day=day, now=tomorrow) is None
    # A ticket of the same number is another seat, and another account has its own cap.
    assert (
        day.charged(PAYEE.address, Seat(7, is_ticket=True), Drops(1), NOW.time).spent(
            PAYEE.address, NOW.time
        )
        == 1_801
    )
    assert day.spent(PAYER.address, NOW.time) == 0


_NUMBERS = st.integers(0, 200 * XRP)


@given(st.data())
def test_a_signature_takes_what_is_owed_and_nothing_else(data: st.DataObject) -> None:
    """The rule at large, over all that can be asked and known."""
    amount, held, funds, paid = (data.draw(_NUMBERS) for _ in range(4))
    near = st.sampled_from([min(amount, funds), min(amount, funds) - 1, amount, funds, paid])
    balance = max(0, data.draw(st.one_of(near, _NUMBERS)))
    fee = data.draw(st.one_of(st.integers(1, 1_000), st.integers(0, 3_000)))
    last = data.draw(st.one_of(st.integers(13, 44), st.integers(0, 100)))
    entry = msgspec.structs.replace(ENTRY, amount=Drops(funds), balance=Drops(paid))
    known = Known(entry=entry, best=best(held) if held else None)
    asked = of(amount, Fee=str(fee), LastLedgerSequence=last)

    refused = why({**asked, "Balance": str(balance)}, known=known)

    is_owed = balance == min(amount, funds) and balance > paid and amount >= held
    is_bounded = 0 < fee <= 1_000 and 12 < last <= 44
    assert (refused is None) is (is_owed and is_bounded and balance > 0)


@given(
    st.dictionaries(
        st.sampled_from([*claim(), "Flags", "TicketSequence", "NetworkID", "Delegate"]),
        st.one_of(st.text(max_size=80), st.integers(-5, 2**65)),
    )
)
def test_whatever_is_sent_is_answered_and_not_signed(changes: dict[str, Any]) -> None:
    """Any value in any field: a sentence, never an exception, unless it is what is owed."""
    asked = {**of(3 * XRP), **changes}
    refused = why(asked)
    if refused is None:
        assert asked["Account"] == PAYEE.address
        assert asked["Balance"] == asked["Amount"]
        assert asked.get("Flags", 0) in {0, 0x80000000}


def test_a_person_is_not_held_to_ledgers() -> None:
    """Nobody tells a person the time; everything else holds."""
    late = of(3 * XRP, LastLedgerSequence=9_000)
    assert why(late, now=None) is None
    assert "has to be" in (why({**late, "Balance": "1"}, now=None) or "")


def test_a_seat_is_read_as_it_stands() -> None:
    """A ticket goes with sequence 0."""
    assert seat_of(of(3 * XRP)) == Seat(number=7)
    assert seat_of(of(3 * XRP, Sequence=0, TicketSequence=4)) == Seat(4, is_ticket=True)
    assert Person.named("a payee").address == Address(PAYEE.address)
