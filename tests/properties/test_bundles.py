"""Whatever is signed ahead is accepted as it is, and nothing that differs from it by one byte."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from xrpl.core import binarycodec

from fuzzing.made import bundle_of
from watchtower.errors import BundleError, PresignError
from watchtower.judgement.claim import Claim
from watchtower.keys.bundle import read_bundle, write_bundle
from watchtower.keys.presigning import PresignRequest, presign, read_requests, write_request
from watchtower.keys.vault import key_that_signs_for
from watchtower.sandbox.people import Person
from watchtower.units import MAX_DROPS, ChannelId, Drops

PAYERS = [Person.named("a payer"), Person.named("another payer", ed25519=True)]
PAYEES = [Person.named("a payee"), Person.named("another payee", ed25519=True)]


@st.composite
def requests(draw: st.DrawFn) -> tuple[tuple[PresignRequest, ...], Person]:
    """What one payee may ask to have signed, of any kind of key, network, ticket and fee."""
    payee = draw(st.sampled_from(PAYEES))
    network = draw(st.sampled_from([0, 1, 1_024, 1_025, 2**32 - 1]))
    tickets = iter(draw(st.lists(st.integers(1, 2**32 - 1), min_size=6, max_size=6, unique=True)))
    asked = []
    for number in range(draw(st.integers(1, 2))):
        payer = draw(st.sampled_from(PAYERS))
        channel = ChannelId(f"{number:062X}{draw(st.integers(0, 255)):02X}")
        amount = Drops(draw(st.integers(1, MAX_DROPS)))
        claim = Claim(
            channel=channel,
            amount=amount,
            public_key=payer.public_key,
            signature=payer.sign_claim(channel, amount),
        )
        fees = draw(st.sampled_from([(), (10,), (12, 16, 5_000), (1, 10**17)]))
        asked.append(
            PresignRequest(
                network_id=network,
                account=payee.address,
                claim=claim,
                target=Drops(draw(st.integers(1, amount))),
                tickets=tuple(sorted(next(tickets) for _ in range(draw(st.integers(1, 3))))),
                fees=tuple(Drops(fee) for fee in fees),
            )
        )
    return tuple(asked), payee


@given(requests())
def test_what_presign_writes_import_reads_as_it_was_asked(
    made: tuple[tuple[PresignRequest, ...], Person],
) -> None:
    """Request and bundle both come back as they were, and the codec of the field agrees."""
    asked, payee = made
    assert read_requests(b"\n".join(map(write_request, asked))) == asked
    data = presign(asked, key_that_signs_for(payee.address, payee.seed))
    bundle = read_bundle(data)
    assert write_bundle(bundle) == data
    assert {(p.channel, p.ticket, p.target) for p in bundle.presigned} == {
        (one.claim.channel, ticket, one.target) for one in asked for ticket in one.tickets
    }
    for each in bundle.presigned:
        for level in each.levels:
            fields = binarycodec.decode(level.blob)
            assert fields["TransactionType"] == "PaymentChannelClaim"
            assert (fields["Fee"], fields["TicketSequence"]) == (str(level.fee), each.ticket)
            assert fields.keys().isdisjoint({"Flags", "LastLedgerSequence", "Memos"})


@cache
def honest() -> bytes:
    """A bundle on a network that its transactions name."""
    channel, amount = ChannelId("A" * 64), Drops(5_000_000)
    payer = PAYERS[0]
    return bundle_of(
        Claim(
            channel=channel,
            amount=amount,
            public_key=payer.public_key,
            signature=payer.sign_claim(channel, amount),
        )
    )


@given(st.data())
def test_one_changed_byte_anywhere_is_refused(data: st.DataObject) -> None:
    """Or, where it says for which network or whose it is, gives another bundle and no good one."""
    whole = honest()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda other: other != whole[at]))
    try:
        read_bundle(whole[:at] + bytes((byte,)) + whole[at + 1 :])
    except BundleError as refused:
        str(refused).encode()
    else:
        raise AssertionError(f"byte {at} was changed to {byte}, and nobody noticed")


@given(st.data())
def test_a_bundle_that_is_cut_or_added_to_is_refused(data: st.DataObject) -> None:
    """Half a file is no file."""
    whole = honest()
    at = data.draw(st.integers(0, len(whole) - 1))
    more = data.draw(st.binary(min_size=1, max_size=20))
    for changed in (whole[:at], whole[:at] + more + whole[at:]):
        try:
            read_bundle(changed)
        except BundleError:
            continue
        raise AssertionError(f"{changed!r} was taken for a bundle")


@given(st.binary(max_size=200))
def test_requests_are_read_or_refused(data: bytes) -> None:
    """Whatever bytes come."""
    try:
        read_requests(data)
    except PresignError as refused:
        str(refused).encode()
