"""The transaction that redeems: its fields, and above all the flag it never has."""

from __future__ import annotations

from xrpl.core.binarycodec import decode, encode

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.response.transaction import claim_transaction
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

CLAIM = Claim(
    channel=ChannelId("5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8"),
    amount=Drops(80_000_000),
    public_key="0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4",
    signature="3045022100A003A8BC",
)


def build(seat: Seat = Seat(7), network_id: int = 0) -> dict[str, object]:
    """A transaction for fifty of eighty promised XRP."""
    return claim_transaction(
        account=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
        claim=CLAIM,
        target=Drops(50_000_000),
        fee=Drops(12),
        seat=seat,
        last_ledger=LedgerIndex(108),
        network_id=network_id,
    )


def test_claim_above_the_funds_asks_for_all_there_is_and_shows_the_signed_amount() -> None:
    """Balance is held against the funds, Amount only against the signature."""
    transaction = build()
    assert transaction["Balance"] == "50000000"
    assert transaction["Amount"] == "80000000"


def test_redeeming_never_closes() -> None:
    """With tfClose the payee would hand everything unclaimed back at once."""
    assert "Flags" not in build()


def test_every_transaction_has_a_last_ledger_and_survives_the_codec() -> None:
    """What we build is what the ledger's own format carries."""
    transaction = build()
    decoded = decode(encode(transaction))
    assert decoded.pop("TransactionType") == transaction.pop("TransactionType")
    assert decoded == transaction


def test_ticket_takes_the_place_of_the_sequence() -> None:
    """A ticket's transaction has sequence 0."""
    transaction = build(seat=Seat(40, is_ticket=True))
    assert transaction["Sequence"] == 0
    assert transaction["TicketSequence"] == 40


def test_network_id_is_named_only_where_the_network_demands_it() -> None:
    """Mainnet and testnet refuse the field, sidechains above 1024 require it."""
    assert "NetworkID" not in build(network_id=1)
    assert build(network_id=21_337)["NetworkID"] == 21_337
