"""Rules of claim signatures: what comes out verifies strictly, and random bytes never do."""

from __future__ import annotations

from hashlib import sha512

from coincurve import PrivateKey, PublicKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from watchtower.judgement.claim import Claim, Verified, claim_message, verify
from watchtower.judgement.signature import canonical
from watchtower.units import MAX_DROPS, ChannelId, Drops

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
amounts = st.integers(1, MAX_DROPS).map(Drops)
channel_ids = st.binary(min_size=32, max_size=32).map(lambda id_: ChannelId(id_.hex().upper()))
secrets = st.binary(min_size=32, max_size=32).filter(
    lambda secret: 0 < int.from_bytes(secret, "big") < ORDER
)


def strictly(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """What the libraries alone say, and that the form is the shortest one."""
    if public_key[0] == 0xED:
        s = int.from_bytes(signature[32:], "little")
        return len(signature) == 64 and s < ED25519_ORDER
    key = PublicKey(public_key)
    digest = sha512(message).digest()[:32]
    return len(signature) <= 72 and key.verify(signature, digest, None)


@given(
    secrets,
    st.tuples(channel_ids, amounts),
    st.binary(max_size=20),
    st.integers(0, 3),
    st.booleans(),
)
def test_rescued_secp256k1_signature_is_the_signers_own(
    secret: bytes,
    promise: tuple[ChannelId, Drops],
    trailing: bytes,
    padding: int,
    high: bool,  # noqa: FBT001 - drawn
) -> None:
    """Padded, with bytes behind it, with either S: the strict form of it is found."""
    key, (channel, amount) = PrivateKey(secret), promise
    message = claim_message(channel, amount)
    low = key.sign(sha512(message).digest()[:32], None)
    r, s = low[4 : 4 + low[3]], int.from_bytes(low[6 + low[3] :], "big")
    number = ORDER - s if high else s
    tail = b"\0" * padding + number.to_bytes(number.bit_length() // 8 + 1, "big")
    content = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(tail)]) + tail
    given_form = b"\x30" + bytes([len(content)]) + content + trailing
    claim = Claim(
        channel=channel,
        amount=amount,
        public_key=key.public_key.format().hex().upper(),
        signature=given_form.hex().upper(),
    )
    result = verify(claim)
    assert isinstance(result, Verified)
    assert result.claim.signature == low.hex().upper()
    assert result.rescued == (given_form != low)
    assert verify(result.claim) == Verified(claim=result.claim, rescued=False)


@given(secrets, channel_ids, amounts, st.integers(0, 15))
def test_rescued_ed25519_signature_is_the_signers_own(
    secret: bytes, channel: ChannelId, amount: Drops, times: int
) -> None:
    """Any multiple of the order on top of S comes off again."""
    key = SigningKey(secret)
    message = claim_message(channel, amount)
    good = key.sign(message).signature
    s = int.from_bytes(good[32:], "little") + times * ED25519_ORDER
    if s < 2**256:
        found = canonical(
            b"\xed" + bytes(key.verify_key), message, good[:32] + s.to_bytes(32, "little")
        )
        assert found is not None
        assert (found.signature, found.rescued) == (good, times > 0)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_random_bytes_never_crash_and_never_pass(
    public_key: bytes, message: bytes, signature: bytes
) -> None:
    """Whatever a stranger sends, the answer is no."""
    assert canonical(public_key, message, signature) is None


@given(st.data(), st.sampled_from([b"\x02", b"\x03", b"\xed"]))
def test_mangled_signature_passes_only_if_it_verifies_strictly(
    data: st.DataObject, prefix: bytes
) -> None:
    """Flip, cut, repeat any bytes of a good signature: out comes nothing, or a strict one."""
    message = claim_message(ChannelId("A" * 64), Drops(7))
    if prefix == b"\xed":
        signing = SigningKey(b"\x01" * 32)
        public_key, good = b"\xed" + bytes(signing.verify_key), signing.sign(message).signature
    else:
        key = PrivateKey(b"\x01" * 32)
        public_key, good = key.public_key.format(), key.sign(sha512(message).digest()[:32], None)
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    mangled = good[:start] + data.draw(st.binary(max_size=8)) + good[end:]
    found = canonical(public_key, message, mangled)
    if found is not None:
        assert strictly(public_key, message, found.signature)
        assert canonical(public_key, message, found.signature) is not None
        assert found.signature == good
