"""Whatever is asked for, what is not refused is one of the forms, to the last field."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any, Final

import pytest

from watchtower.keys.permission import Roles
from watchtower.sandbox.people import Person
from watchtower.signer.forms import Terms, why_refused
from watchtower.units import Address, ChannelId, Drops

PAYEE, PAYER, FRIEND, DELEGATE, LISTER, THIEF = (
    Person.named(f"{who} in some form") for who in ("a", "b", "c", "d", "e", "f")
)
CHANNEL: Final = ChannelId("C" * 64)
CAP: Final = 500
TERMS: Final = Terms(
    roles=Roles(payees={Address(PAYEE.address)}, payers={Address(PAYER.address)}),
    fee_cap=Drops(CAP),
    most_tickets=2,
    delegate=Address(DELEGATE.address),
    lister=Address(LISTER.address),
    cosign_for={Address(FRIEND.address)},
)
CLAIM: Final[dict[str, Any]] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": PAYEE.address,
    "Channel": CHANNEL,
    "Amount": "500",
    "Balance": "500",
    "PublicKey": PAYER.public_key,
    "Signature": PAYER.sign_claim(CHANNEL, Drops(500)),
    "Fee": "12",
    "Sequence": 7,
    "LastLedgerSequence": 100,
}
ADDRESSES: Final = [p.address for p in (PAYEE, PAYER, FRIEND, DELEGATE, LISTER, THIEF)]
WORTH_A_TRY: Final[list[tuple[str, Any]]] = [
    *(("TransactionType", kind) for kind in ("TicketCreate", "Payment", "SignerListSet")),
    *(("Account", account) for account in [*ADDRESSES, "", 1]),
    *(("Delegate", account) for account in [*ADDRESSES, DELEGATE.address, "", 1]),
    *(("Flags", flags) for flags in (0, 0x80000000, 0x00020000, 0x00010000, -1)),
    *(("Balance", drops) for drops in ("1", "501", "0", "5e2", 500)),
    ("Amount", "501"),
    *(("Fee", drops) for drops in ("1", str(CAP), str(CAP + 1), "0", "-1", 12)),
    *(("Sequence", number) for number in (0, 2**32)),
    *(("TicketSequence", number) for number in (0, 9)),
    *(("TicketCount", number) for number in (1, 3)),
    *(("SigningPubKey", key) for key in ("", PAYEE.public_key)),
    ("Signers", "[]"),
    ("Destination", THIEF.address),
    ("RegularKey", THIEF.address),
    ("SignerQuorum", 1),
]
MAY_HAVE: Final = {*CLAIM, "Flags", "TicketSequence", "NetworkID"}


def wishes() -> Iterator[dict[str, Any]]:
    """Every two things that are worth a try at once, and every one with a field left out."""
    for some in combinations(WORTH_A_TRY, 2):
        yield {**CLAIM, **dict(some)}
    for (name, value), missing in product(WORTH_A_TRY, CLAIM):
        yield {k: v for k, v in {**CLAIM, name: value}.items() if k != missing}


@pytest.mark.parametrize("is_share", [False, True])
def test_what_is_signed_for_others_is_a_claim_that_redeems_and_nothing_else(
    *, is_share: bool
) -> None:
    """Of accounts of the settings, under the cap, with every field that it has looked at."""
    signed = [one for one in wishes() if why_refused(one, TERMS, is_share=is_share) is None]
    assert len(signed) > len(CLAIM)
    for one in signed:
        check(one, is_share=is_share)


def check(asked: dict[str, Any], *, is_share: bool) -> None:
    """See that a transaction that would be signed may be."""
    if is_share:
        assert asked.keys() <= MAY_HAVE
        assert asked["Account"] in {PAYEE.address, FRIEND.address}
    elif "Delegate" in asked:
        assert asked.keys() <= {*MAY_HAVE, "Delegate"}
        assert (asked["Account"], asked["Delegate"]) == (PAYEE.address, DELEGATE.address)
    else:
        assert asked["Account"] in {PAYEE.address, PAYER.address}
        return
    assert asked["TransactionType"] == "PaymentChannelClaim"
    assert asked.get("Flags", 0) & ~0x80000000 == 0
    assert (asked["Amount"], asked["Signature"]) == ("500", CLAIM["Signature"])
    assert 0 < int(asked["Balance"]) <= int(asked["Amount"])
    assert 0 < int(asked["Fee"]) <= CAP


def test_each_form_is_signed_where_nothing_is_wrong_with_it() -> None:
    """Or the property above would hold of a signer that signs nothing."""
    own, friend = CLAIM, {**CLAIM, "Account": FRIEND.address}
    delegated = {**CLAIM, "Delegate": DELEGATE.address}
    assert why_refused(own, TERMS) is None
    assert why_refused(delegated, TERMS) is None
    assert why_refused(own, TERMS, is_share=True) is None
    assert why_refused(friend, TERMS, is_share=True) is None
    refused = why_refused(friend, TERMS)
    assert refused is not None
    assert refused.kind == "refused"
