"""Who could act for a payee, by the ledger's own entries; and what should never have left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from simulation.draw import draw
from simulation.entitlement import Entitlement
from simulation.founding import found, named, permission, signer_list
from simulation.holders import LATER, PAYEE, REGULAR, THIEF, TOWER
from simulation.land import Land, payer
from simulation.mandate import Mandate
from simulation.signatures import not_allowed
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import FEES, presign, request_of
from watchtower.keys.vault import key_that_signs_for
from watchtower.sandbox.people import Person
from watchtower.sandbox.transaction import parse_json
from watchtower.units import Drops

REDEEMS = ("presigned", "delegated", "signer_list", "regular_key")


class Country:
    """A ledger with one channel, and a payee who has set up some rights."""

    def __init__(self, rights: Iterable[str], **more: Any) -> None:
        entitled = Entitlement(rights=tuple(rights), holds="regular", **more)
        script = draw(0, "calm")
        rules = script.rules | {"PermissionDelegationV1_1"}
        self.land = Land(replace(script, entitled=entitled, rules=rules))
        found(self.land, entitled, 2)
        self.mandate = Mandate(self.land, entitled)
        self.mandate.well = lambda: (0, 1)
        self.plan = script.channels[0]
        self.channel = self.land.open_channel(0, self.plan)
        self.land.close(4)

    def do(self, by: Person | None = None, **fields: Any) -> None:
        """Have the payee do something, and close the ledger."""
        assert self.land.apply(PAYEE, by, **fields) == "tesSUCCESS"
        self.land.close(4)

    def names(self) -> set[str]:
        """Who could sign now, by the first words of their names."""
        return {signer.name.split(" r")[0].split(",")[0] for signer in self.mandate.signers()}

    def sign_ahead(self, drops: int, tickets: tuple[int, ...]) -> None:
        """Have the payee sign one claim ahead, by its master key."""
        person = payer(self.plan.payer)
        asked = request_of(
            network_id=0,
            account=PAYEE.address,
            channel=self.channel,
            amount=Drops(drops),
            balance=None,
            signature=person.sign_claim(self.channel, Drops(drops)),
            public_key=person.public_key,
            tickets=tickets,
        )
        data = presign([asked], key_that_signs_for(PAYEE.address, PAYEE.seed), fees=FEES)
        self.mandate.hold_ahead(read_bundle(data).presigned)


def test_each_right_acts_while_the_ledger_has_what_it_needs() -> None:
    """And no longer: a key that is not named, a permission taken back, a list that is gone."""
    country = Country(REDEEMS, has_regular_key=True)
    assert country.names() == {"regular key", "delegate", "signer list"}
    country.do(**named(THIEF))
    assert country.names() == {"delegate", "signer list"}
    country.do(**permission(permits=False))
    assert country.names() == {"signer list"}
    country.do(**signer_list(is_there=False))
    assert country.names() == set()
    country.do(**named(REGULAR))
    assert country.names() == {"regular key"}
    country.mandate.held.clear()
    assert country.names() == set()


def test_another_regular_key_is_another_signer() -> None:
    """So that no window of the oracle goes over a rotation."""
    country = Country(["regular_key"], has_regular_key=True)
    before = country.mandate.signers()
    country.mandate.held.add(LATER[0].address)
    country.do(**named(LATER[0]))
    assert country.names() == {"regular key"}
    assert not before & country.mandate.signers()


def test_what_was_signed_ahead_is_good_on_tickets_that_are_there_by_a_key_that_signs() -> None:
    """One that is used, and a master key that is disabled, are of no use any more."""
    country = Country(["presigned"], has_regular_key=True)
    first = country.mandate.root()["Sequence"] - country.mandate.root()["TicketCount"]
    country.sign_ahead(100, (first, first + 1))

    def tickets() -> list[int]:
        return sorted(one.ticket for one in country.mandate.ahead()[country.channel])

    assert tickets() == [first, first + 1]
    country.do(TransactionType="AccountSet", TicketSequence=first)
    assert tickets() == [first + 1]
    assert country.mandate.most(country.channel, 700) == 100
    country.do(TransactionType="AccountSet", SetFlag=4)
    assert tickets() == []
    assert country.mandate.most(country.channel, 700) == 0


CLAIM = {"TransactionType": "PaymentChannelClaim", "Channel": "00" * 32}


@pytest.mark.parametrize(
    ("signer", "fields", "words"),
    [
        (PAYEE, CLAIM, "by the right master_key, which nobody configured"),
        (REGULAR, CLAIM, ""),
        (REGULAR, {**CLAIM, "Flags": 0x00020000}, "does more than redeem"),
        (REGULAR, {"TransactionType": "AccountSet"}, "redeems nothing"),
        (REGULAR, {"TransactionType": "TicketCreate", "TicketCount": 1}, ""),
        (REGULAR, named(THIEF), "a key that no rotation made"),
        (TOWER, {**CLAIM, "Delegate": TOWER.address}, "by the right delegated"),
        (THIEF, CLAIM, "by the right nobody"),
        (REGULAR, {**CLAIM, "Account": THIEF.address}, "which is not guarded"),
    ],
    ids=[
        "a stronger key than was configured",
        "the key that was configured",
        "closing",
        "anything else",
        "tickets",
        "another key named",
        "a right that was not configured",
        "a stranger",
        "a stranger's account",
    ],
)
def test_what_should_never_have_left_is_told(
    signer: Person, fields: dict[str, Any], words: str
) -> None:
    """By the bytes alone: what the tower says of them is not asked."""
    country = Country(["regular_key"], has_regular_key=True)
    told = {"Account": PAYEE.address, "Fee": "10", "Sequence": 1, **fields}
    blob = parse_json(signer.sign_transaction(told)).blob
    found_wrong = [*not_allowed([blob], country.mandate)]
    if words:
        assert len(found_wrong) == 1, found_wrong
        assert words in found_wrong[0]
    else:
        assert found_wrong == []
