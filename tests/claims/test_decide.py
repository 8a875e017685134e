"""The two answers: what is kept whatever else is wrong, and what may be served."""

from __future__ import annotations

from hashlib import sha512

import pytest
from coincurve import PrivateKey
from msgspec.structs import replace
from nacl.signing import SigningKey

from watchtower.claims.decide import decide, ground_of
from watchtower.claims.decision import (
    BadSignature,
    BeyondFunds,
    ChannelUnknown,
    Closing,
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    KeyUnknown,
    NotAbove,
    NotCovered,
    NothingSigns,
    NotKept,
    NotKeptWhy,
    Pending,
    Role,
    Serve,
    Standing,
    WhyNotServe,
    WrongDestination,
    WrongKey,
    as_error,
    describe_why_not_serve,
    name_of_reason,
)
from watchtower.claims.given import Given, KeylessClaim
from watchtower.claims.sight import Guard, Sight
from watchtower.errors import (
    ClaimDestinationError,
    ClaimError,
    ClaimKeyError,
    ClaimKeyUnknownError,
    ClaimNotAboveError,
    ClaimSignatureError,
    ClaimUnknownChannelError,
)
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim, SignatureFault, claim_message
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import PayeeMissing, SettleDelayShort
from watchtower.ledger.events import END_OF_LEDGER, ChannelEntry, ChannelMissing, Position
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

ID = ChannelId("5DB01B7FFED6B67E6B0414DED11E051D2EE2B7619CE0EAA6286D67A3A4D5BDB3")
PAYEE = Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX")
STRANGER = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
PAYER_KEY = SigningKey(b"\x01" * 32)
OTHER_KEY = SigningKey(b"\x02" * 32)
NOW = RippleTime(820_000_000)


def public(key: SigningKey) -> str:
    """The public key as XRPL writes it."""
    return "ED" + bytes(key.verify_key).hex().upper()


ENTRY = ChannelEntry(
    channel=ID,
    source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
    destination=PAYEE,
    amount=Drops(100),
    balance=Drops(10),
    public_key=public(PAYER_KEY),
    settle_delay=3600,
)
AT = Position(LedgerIndex(9), END_OF_LEDGER)
CHANNEL = Channel(entry=ENTRY, as_of=Position(LedgerIndex(5), 1))


def signed(amount: int, key: SigningKey = PAYER_KEY) -> Claim:
    """A claim for ``amount``, signed by ``key``."""
    signature = key.sign(claim_message(ID, Drops(amount))).signature.hex().upper()
    return Claim(channel=ID, amount=Drops(amount), public_key=public(key), signature=signature)


def keyless(claim: Claim) -> KeylessClaim:
    """The same claim without its key, as most forms have it."""
    return KeylessClaim(channel=claim.channel, amount=claim.amount, signature=claim.signature)


def decided(
    claim: Given,
    channel: Channel | None = CHANNEL,
    best: Claim | None = None,
    *,
    guarded: frozenset[Address] = frozenset({PAYEE}),
    payers: frozenset[Address] = frozenset(),
    payee_exists: bool = True,
    looked_up: bool = True,
    covered: int | None = None,
) -> Decision:
    """Decide with our usual policy, now."""
    guard = Guard(payees=guarded, payers=payers, policy=Policy())
    fact = ChannelMissing(channel=claim.channel, at=AT) if looked_up else None
    sight = Sight(
        fact=fact,
        ledger_time=NOW,
        payee_exists=payee_exists,
        covered=None if covered is None else Drops(covered),
    )
    return decide(claim, ground_of(channel, sight, guard), best)


def test_claim_above_what_was_signed_ahead_is_kept_and_not_served() -> None:
    """Where nothing else can sign, what it adds could not be redeemed."""
    claim = signed(50)
    decision = decided(claim, covered=49)
    assert decision.kept == Kept(claim=claim, rescued=False)
    why = NotCovered(amount=Drops(50), covered=Drops(49))
    assert decision.serve == DoNotServe(reasons=(why,))
    assert name_of_reason(why) == "not_covered_by_bundle"
    assert "`watchtower presign request`" in describe_why_not_serve(why)
    assert decided(claim, covered=50).serve == Serve()
    # A bundle that is spent already, or none.
    nothing = decided(claim, covered=0)
    assert nothing.kept == decision.kept
    assert nothing.serve == DoNotServe(reasons=(NothingSigns(),))
    assert name_of_reason(NothingSigns()) == "nothing_signs"
    assert "Nothing can sign" in describe_why_not_serve(NothingSigns())
    # Above the funds the bundle asks for what there is, and that is covered.
    beyond = decided(signed(101), covered=100).serve
    assert beyond == DoNotServe(reasons=(BeyondFunds(amount=Drops(101), funds=Drops(100)),))


def refused(decision: Decision) -> NotKeptWhy:
    """Why the claim was not kept; it is not served either."""
    assert decision.serve == DoNotServe(reasons=(Standing.NOT_KEPT,))
    assert isinstance(decision.kept, NotKept)
    return decision.kept.why


def changed(**changes: object) -> Channel:
    """The channel with another entry."""
    return replace(CHANNEL, entry=replace(ENTRY, **changes))


def test_good_claim_is_kept_and_served() -> None:
    """Signed by the channel's key, above everything, within the funds, nothing wrong."""
    claim = signed(50)
    assert decided(claim) == Decision(
        kept=Kept(claim=claim, rescued=False), serve=Serve(), role=Role.PAYEE
    )
    assert decided(claim, best=signed(49)).kept == Kept(claim=claim, rescued=False)
    assert decided(signed(100)).serve == Serve()


@pytest.mark.parametrize(
    ("channel", "amount", "payee_exists", "reasons"),
    [
        (
            changed(expiration=RippleTime(NOW + 90)),
            50,
            True,
            (Closing(expiration=RippleTime(NOW + 90)),),
        ),
        (changed(), 101, True, (BeyondFunds(amount=Drops(101), funds=Drops(100)),)),
        (changed(settle_delay=60), 50, True, (SettleDelayShort(settle_delay=60, minimum=900),)),
        (changed(), 50, False, (PayeeMissing(destination=PAYEE),)),
        (
            changed(expiration=NOW),
            50,
            True,
            (Standing.EXPIRED, Closing(expiration=NOW)),
        ),
        (
            changed(expiration=RippleTime(NOW + 9), settle_delay=60),
            101,
            False,
            (
                Closing(expiration=RippleTime(NOW + 9)),
                SettleDelayShort(settle_delay=60, minimum=900),
                PayeeMissing(destination=PAYEE),
                BeyondFunds(amount=Drops(101), funds=Drops(100)),
            ),
        ),
        (replace(CHANNEL, closed_at=CHANNEL.as_of), 50, True, (Standing.CLOSED,)),
    ],
)
def test_valid_claim_is_kept_whatever_else_is_wrong_and_serving_says_no(
    channel: Channel,
    amount: int,
    payee_exists: bool,  # noqa: FBT001 - a table
    reasons: tuple[WhyNotServe, ...],
) -> None:
    """Rule 8: keeping and serving are two answers, and every reason is told."""
    claim = signed(amount)
    decision = decided(claim, channel, payee_exists=payee_exists)
    assert decision.kept == Kept(claim=claim, rescued=False)
    assert decision.serve == DoNotServe(reasons=reasons)


@pytest.mark.parametrize(
    ("amount", "best", "floor"),
    [(50, 50, 50), (49, 50, 50), (10, None, 10), (9, 5, 10), (0, None, 10)],
)
def test_claim_that_adds_nothing_is_not_kept(amount: int, best: int | None, floor: int) -> None:
    """Not above the best one, or not above what the channel has paid already."""
    decision = decided(signed(amount), best=None if best is None else signed(best))
    why = refused(decision)
    assert why == NotAbove(channel=ID, amount=Drops(amount), best=Drops(floor))
    assert isinstance(as_error(why), ClaimNotAboveError)


def test_claim_for_a_channel_that_the_ledger_does_not_have_is_not_kept() -> None:
    """A server answered that there is none."""
    why = refused(decided(signed(50), None))
    assert why == ChannelUnknown(channel=ID)
    assert isinstance(as_error(why), ClaimUnknownChannelError)


def test_claim_for_another_destination_is_not_kept() -> None:
    """Not ours to redeem, however good it is."""
    why = refused(decided(signed(50), changed(destination=STRANGER)))
    assert why == WrongDestination(channel=ID, destination=STRANGER)
    assert isinstance(as_error(why), ClaimDestinationError)


def test_claim_signed_with_another_key_is_not_kept() -> None:
    """A good signature by the wrong key is worth nothing on the ledger."""
    why = refused(decided(signed(50, OTHER_KEY)))
    assert why == WrongKey(channel=ID, given=public(OTHER_KEY), key=public(PAYER_KEY))
    assert isinstance(as_error(why), ClaimKeyError)


def test_claim_with_a_wrong_signature_is_not_kept() -> None:
    """Even if it would not be above the best one: the signature is what is wrong with it."""
    bad = replace(signed(50), amount=Drops(51))
    why = refused(decided(bad))
    assert why == refused(decided(bad, best=signed(60)))
    assert why == BadSignature(why=SignatureFault.SIGNATURE)
    error: ClaimError = as_error(why)
    assert isinstance(error, ClaimSignatureError)
    assert SignatureFault.SIGNATURE.sentence in str(error)


def test_claim_that_the_channels_key_signed_is_kept_whatever_key_is_named() -> None:
    """A slip in the envelope does not cost the payee its money."""
    good = signed(50)
    misnamed = replace(good, public_key=public(OTHER_KEY))
    assert decided(misnamed).kept == Kept(claim=good, rescued=True)


def test_high_s_claim_is_kept_in_the_form_that_the_ledger_takes() -> None:
    """A payer who hands over the twin that xrpld refuses gains nothing."""
    key = PrivateKey(b"\x03" * 32)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    low = key.sign(sha512(claim_message(ID, Drops(50))).digest()[:32], None)
    head, s = low[: 6 + low[3]], int.from_bytes(low[6 + low[3] :], "big")
    high = bytearray(head + b"\0" + (order - s).to_bytes(32, "big"))
    high[1], high[5 + low[3]] = len(high) - 2, 33
    public_key = key.public_key.format().hex().upper()
    claim = Claim(channel=ID, amount=Drops(50), public_key=public_key, signature=high.hex().upper())
    kept = decided(claim, changed(public_key=public_key)).kept
    assert kept == Kept(claim=replace(claim, signature=low.hex().upper()), rescued=True)


def test_claim_is_pending_while_nobody_can_tell_of_its_channel() -> None:
    """Kept for later, never served against; a badly signed one is refused at once."""
    claim = signed(50)
    decision = decided(claim, None, looked_up=False)
    assert decision == Decision(
        kept=Pending(claim=claim, rescued=False), serve=DoNotServe(reasons=(Standing.NOT_JUDGED,))
    )
    bad = replace(claim, amount=Drops(51))
    assert refused(decided(bad, None, looked_up=False)) == BadSignature(
        why=SignatureFault.SIGNATURE
    )
    assert refused(decided(signed(40), None, claim, looked_up=False)) == NotAbove(
        channel=ID, amount=Drops(40), best=Drops(50)
    )


def test_strangers_pending_claim_does_not_stand_in_the_way() -> None:
    """Anybody can sign a huge claim with a key of their own while the channel is unknown."""
    huge = signed(10**9, OTHER_KEY)
    assert isinstance(decided(signed(50), None, huge, looked_up=False).kept, Pending)
    assert isinstance(decided(signed(50), CHANNEL, huge).kept, Kept)


def test_channel_missing_from_the_ledger_is_closed_and_its_claim_kept() -> None:
    """We knew it once: the claim is evidence, and the server may be wrong."""
    gone = replace(CHANNEL, closed_at=AT)
    decision = decided(signed(50), gone)
    assert isinstance(decision.kept, Kept)
    assert decision.serve == DoNotServe(reasons=(Standing.CLOSED,))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Standing.NOT_KEPT, "not kept"),
        (Standing.NOT_JUDGED, "No server"),
        (Standing.EXPIRED, "expired"),
        (Standing.CLOSED, "closed"),
        (Closing(expiration=RippleTime(820_540_800)), "expires at 2026-01-01T00:00:00Z"),
        (BeyondFunds(amount=Drops(2_000_000), funds=Drops(1_000_000)), "promises 2 XRP"),
        (PayeeMissing(destination=PAYEE), "is gone"),
    ],
)
def test_each_reason_not_to_serve_has_its_sentence(reason: WhyNotServe, words: str) -> None:
    """Whoever asks gets an answer with a reason."""
    assert words in describe_why_not_serve(reason)


@pytest.mark.parametrize(
    ("guarded", "role"),
    [(frozenset(), Role.PAYER), (frozenset({PAYEE}), Role.BOTH)],
    ids=["payer", "both"],
)
def test_payer_registers_what_it_signed_also_below_what_was_paid(
    guarded: frozenset[Address], role: Role
) -> None:
    """Nothing else can say that a payment was by its own claim; and the highest one only grows."""
    payers = frozenset({ENTRY.source})
    paid = changed(balance=Drops(40))
    decision = decided(signed(30), paid, guarded=guarded, payers=payers)
    assert decision.role is role
    assert decision.kept == Kept(claim=signed(30), rescued=False)
    lower = decided(signed(30), paid, signed(35), guarded=guarded, payers=payers)
    assert lower.kept == NotKept(why=NotAbove(channel=ID, amount=Drops(30), best=Drops(35)))


def test_payer_is_asked_neither_to_serve_nor_not_to() -> None:
    """Whatever the state of its channel: it delivers nothing."""
    payers = frozenset({ENTRY.source})
    for subject in (CHANNEL, changed(expiration=RippleTime(NOW - 5)), changed(settle_delay=1)):
        decision = decided(signed(50), subject, guarded=frozenset(), payers=payers)
        assert decision.serve == DoesNotApply()


def test_claim_without_a_key_is_as_good_as_any_under_the_channels() -> None:
    """Most forms name no key; what is kept has the channel's, and nothing had to be put right."""
    assert decided(keyless(signed(50))) == decided(signed(50))
    assert decided(keyless(signed(50)), best=signed(50)).kept == NotKept(
        why=NotAbove(channel=ID, amount=Drops(50), best=Drops(50))
    )


def test_claim_without_a_key_that_another_key_signed_has_a_bad_signature() -> None:
    """It named none, so it cannot have named a wrong one."""
    why = refused(decided(keyless(signed(50, OTHER_KEY))))
    assert why == BadSignature(why=SignatureFault.SIGNATURE)


def test_claim_without_a_key_is_not_kept_while_nobody_tells_of_its_channel() -> None:
    """Noise would fill the disk; the word says to come again, and `unknown_channel` does not."""
    why = refused(decided(keyless(signed(50)), None, looked_up=False))
    assert why == KeyUnknown(channel=ID)
    assert isinstance(as_error(why), ClaimKeyUnknownError)
    assert refused(decided(keyless(signed(50)), None)) == ChannelUnknown(channel=ID)
