"""Signatures: the truth table of a real server, and forms that only lenient code would take."""

from __future__ import annotations

import json
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from nacl.signing import SigningKey

from watchtower.judgement.claim import Claim, Refused, SignatureFault, Verified, verify
from watchtower.judgement.signature import Canonical, KeyType, canonical, key_type
from watchtower.units import ChannelId, Drops

TABLE = Path(__file__).parent.parent / "data" / "recordings" / "signature_edges.jsonl"
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
RESCUED = {
    "secp256k1 high S",
    "secp256k1 R padded with a zero byte",
    "secp256k1 trailing byte inside",
    "secp256k1 trailing byte outside",
    "secp256k1 long-form length",
    "secp256k1 compact 64 bytes",
    "ed25519 S plus the group order",
}
MESSAGE = b"CLM\0" + b"\xaa" * 32 + (1_000_000).to_bytes(8, "big")


def cases() -> list[dict[str, Any]]:
    """Each case of the recording, with the server's answer."""
    notes = [json.loads(line)["msg"] for line in TABLE.read_text().splitlines()]
    return [note for note in notes if note.get("text") == "signature"]


def der(r: bytes, s: bytes) -> bytes:
    """The encoding of two numbers, just as they are given."""
    content = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(s)]) + s
    return b"\x30" + bytes([len(content)]) + content


def minimal(number: int) -> bytes:
    """The content of a DER integer."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["case"])
def test_the_ledger_takes_what_we_take_and_nothing_else(case: dict[str, Any]) -> None:
    """Unrescued if and only if the server took it; a rescued one then stands by itself."""
    claim = Claim(
        channel=ChannelId(case["channel"]),
        amount=Drops(int(case["amount"])),
        public_key=case["public_key"],
        signature=case["signature"],
    )
    result = verify(claim)
    taken = isinstance(result, Verified) and not result.rescued
    assert taken == (case["engine_result"] == "tesSUCCESS")
    assert (isinstance(result, Verified) and result.rescued) == (case["case"] in RESCUED)
    if isinstance(result, Verified):
        assert verify(result.claim) == Verified(claim=result.claim, rescued=False)


def test_the_table_has_all_its_cases() -> None:
    """Every case that is to be rescued is in the recording, and some that are not."""
    names = {case["case"] for case in cases()}
    assert names >= RESCUED
    assert len(names) == 20


def test_refusal_names_the_key_or_the_signature() -> None:
    """A key without its prefix is a fault of the key."""
    by_name = {case["case"]: case for case in cases()}
    case = by_name["ed25519 key without its ED prefix"]
    claim = Claim(
        channel=ChannelId(case["channel"]),
        amount=Drops(18_000_000),
        public_key=case["public_key"],
        signature=case["signature"],
    )
    assert verify(claim) == Refused(why=SignatureFault.KEY)


@pytest.mark.parametrize("seed", range(20))
def test_high_s_is_rescued_as_its_low_twin(seed: int) -> None:
    """N - S is signed by the same key; the low one is the one that the ledger takes."""
    key = PrivateKey(sha512(bytes([seed])).digest()[:32])
    low = key.sign(sha512(MESSAGE).digest()[:32], None)
    size = low[3]
    r = int.from_bytes(low[4 : 4 + size], "big")
    s = int.from_bytes(low[6 + size :], "big")
    public_key = key.public_key.format()
    assert canonical(public_key, MESSAGE, low) == Canonical(signature=low, rescued=False)
    for form in (
        der(minimal(r), minimal(SECP256K1_ORDER - s)),
        der(b"\0\0" + minimal(r), minimal(s)),
        der(minimal(r).lstrip(b"\0"), minimal(SECP256K1_ORDER - s).lstrip(b"\0")),
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        r.to_bytes(32, "big") + (SECP256K1_ORDER - s).to_bytes(32, "big"),
        low + b"trailing",
    ):
        if form != low:
            assert canonical(public_key, MESSAGE, form) == Canonical(signature=low, rescued=True)


def test_compact_form_that_begins_like_der_is_rescued() -> None:
    """One r in 256 begins with 0x30; it is not mistaken for a sequence and lost."""
    key = PrivateKey(b"\x01" * 32)
    public_key, number = key.public_key.format(), 0
    while True:
        message = MESSAGE[:-8] + number.to_bytes(8, "big")
        low = key.sign(sha512(message).digest()[:32], None)
        size = low[3]
        compact = low[4 : 4 + size][-32:].rjust(32, b"\0") + low[6 + size :].rjust(32, b"\0")
        if compact[0] == 0x30:
            break
        number += 1
    assert canonical(public_key, message, compact) == Canonical(signature=low, rescued=True)


@pytest.mark.parametrize("times", range(1, 16))
def test_ed25519_scalar_above_the_order_is_reduced(times: int) -> None:
    """S plus any multiple of the order is the same signature, in the one form that counts."""
    key = SigningKey(b"\x07" * 32)
    good = key.sign(MESSAGE).signature
    s = int.from_bytes(good[32:], "little") + times * ED25519_ORDER
    bad = good[:32] + s.to_bytes(32, "little")
    public_key = b"\xed" + bytes(key.verify_key)
    assert canonical(public_key, MESSAGE, good) == Canonical(signature=good, rescued=False)
    assert canonical(public_key, MESSAGE, bad) == Canonical(signature=good, rescued=True)


VECTOR_KEY = bytes.fromhex("ED88AA55E6AFEED8960A3191DE78600347DB8ACD0A3795412F275F049B86260488")


def test_signature_with_a_torsion_component_is_refused_as_the_server_refuses_it() -> None:
    """A payer may add a point of order 8 to R; only a cofactored equation would be fooled.

    ed25519-donna compares R byte by byte, and so the claim could never be redeemed. The first
    vector is the same signature without that point.
    """
    plain = bytes.fromhex(
        "3E54C441927F9F0EE5E13E34F0B0404C5043651A8F4B7EF087A1C42262A85D0A"
        "5F107E123AA7D3347D6F84F66F5323C52625934FE965C170A096222F9F32340B"
    )
    twisted = bytes.fromhex(
        "5B61C2E3B93E6C06450F327EA72CDFEB8CDE6AA020D2DD827AB3F86E708C8393"
        "E4D7A6ABC6B24A7A56F546B9CBA4167512FD570746D699DA93B07E52F31B6805"
    )
    assert canonical(VECTOR_KEY, MESSAGE, plain) == Canonical(signature=plain, rescued=False)
    assert canonical(VECTOR_KEY, MESSAGE, twisted) is None


def test_key_of_small_order_signs_nothing_here() -> None:
    """With the neutral point as key every message is 'signed'; we do not build on that."""
    identity = b"\xed\x01" + b"\0" * 31
    forged = bytes.fromhex(
        "B862409FB5C4C4123DF2ABF7462B88F041AD36DD6864CE872FD5472BE363C5B1" + "07" + "00" * 31
    )
    assert canonical(identity, MESSAGE, forged) is None


def test_point_off_the_curve_is_no_key() -> None:
    """33 bytes of the right type are not a key yet."""
    assert canonical(b"\x02" + b"\xff" * 32, MESSAGE, b"\x30\x06\x02\x01\x01\x02\x01\x01") is None


@pytest.mark.parametrize(
    ("public_key", "kind"),
    [
        (b"\x02" + b"\0" * 32, KeyType.SECP256K1),
        (b"\x03" + b"\0" * 32, KeyType.SECP256K1),
        (b"\xed" + b"\0" * 32, KeyType.ED25519),
        (b"\x04" + b"\0" * 32, None),
        (b"\x02" + b"\0" * 31, None),
        (b"\x04" + b"\0" * 64, None),
        (b"", None),
    ],
)
def test_key_types_are_told_by_length_and_first_byte(
    public_key: bytes, kind: KeyType | None
) -> None:
    """As rippled's publicKeyType does."""
    assert key_type(public_key) is kind
