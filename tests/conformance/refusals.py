"""Every way in which a claim is refused, and every edge of its signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.conformance.stage import TF_CLOSE, TF_RENEW, Message, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP
from watchtower.units import ChannelId, Drops

__all__ = ["deposit_auth_and_disallow", "every_refusal", "signature_edges"]

_CLAIM: Final = "PaymentChannelClaim"
_DEPOSIT_AUTH: Final = 9
_SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


async def every_refusal(stage: Stage) -> None:
    """One refused claim after the other; the channel stays as it was."""
    source, destination, stranger, other_key = await stage.people(4)
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note("its facts", id=channel, public_key=source.public_key)
    await stage.submit(claim(channel, source, 20 * XRP), destination)
    await stage.close_ledger()
    good = claim(channel, source, 30 * XRP)
    over_another = source.sign_claim(channel, Drops(31 * XRP))
    cases: dict[str, tuple[Message, Person]] = {
        "signature over another amount": ({**good, "Signature": over_another}, destination),
        "signed by another key": (claim(channel, other_key, 30 * XRP), destination),
        "not above the paid balance": (claim(channel, source, 20 * XRP), destination),
        "below the paid balance": (claim(channel, source, 10 * XRP), destination),
        "beyond the funds": (claim(channel, source, 200 * XRP), destination),
        "balance above amount": (claim(channel, source, 30 * XRP, 40 * XRP), destination),
        "destination without signature": (
            {"TransactionType": _CLAIM, "Channel": channel, "Balance": str(30 * XRP)},
            destination,
        ),
        "third party with a valid claim": (good, stranger),
        "no such channel": (claim("0" * 63 + "1", source, 30 * XRP), destination),
        "close and renew": ({**good, "Flags": TF_CLOSE | TF_RENEW}, destination),
        "destination renews": (
            {"TransactionType": _CLAIM, "Channel": channel, "Flags": TF_RENEW},
            destination,
        ),
        "last ledger in the past": ({**good, "LastLedgerSequence": 3}, destination),
        "sequence in the past": ({**good, "Sequence": 1}, destination),
        "sequence far ahead": ({**good, "Sequence": 2_000_000_000}, destination),
        "fee of 1 drop": (good, destination),
        "ticket that does not exist": (
            {**good, "Sequence": 0, "TicketSequence": 999_999},
            destination,
        ),
    }
    for name, (tx, sender) in cases.items():
        fee = "1" if name == "fee of 1 drop" else "10"
        answer = await stage.try_to_submit(tx, sender, fee=fee)
        stage.tape.note("refused", case=name, tx=tx, response=answer)
        await stage.close_ledger()
        if tx_hash := answer.get("tx_json", {}).get("hash"):
            await stage.client("tx", transaction=tx_hash)
    await stage.look(channel)


async def deposit_auth_and_disallow(stage: Stage) -> None:
    """With deposit authorisation the source may not push, and the destination may still pull."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note("its facts", id=channel)
    await stage.submit({"TransactionType": "AccountSet", "SetFlag": _DEPOSIT_AUTH}, destination)
    await stage.close_ledger()
    push = {"TransactionType": _CLAIM, "Channel": channel, "Balance": str(XRP)}
    for text, tx, sender in (
        ("the source may not push", push, source),
        ("the destination may pull", claim(channel, source, 2 * XRP), destination),
    ):
        stage.tape.note(text)
        stage.tape.note("the answer", response=await stage.submit(tx, sender))
        await stage.close_ledger()
    await stage.look(channel)


async def signature_edges(stage: Stage) -> None:
    """Which forms of a signature the server takes, of both kinds."""
    source, destination = await stage.people()
    (other,) = await stage.people(1, ed25519=True)
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 1_000 * XRP, 3600)
    ed_channel = await stage.create(other, destination, 1_000 * XRP, 3600)
    stage.tape.note(
        "their facts",
        secp256k1=[channel, source.public_key],
        ed25519=[ed_channel, other.public_key],
    )
    case = _Cases(stage, destination)
    for name, form in _ECDSA_FORMS.items():
        amount = case.next_amount()
        r, s = _read_der(bytes.fromhex(source.sign_claim(channel, amount)))
        await case.play(f"secp256k1 {name}", source.public_key, channel, form(r, s), amount)
    for name, alter in _EDDSA_FORMS.items():
        amount = case.next_amount()
        good = bytes.fromhex(other.sign_claim(ed_channel, amount))
        await case.play(f"ed25519 {name}", other.public_key, ed_channel, alter(good), amount)
    amount = case.next_amount()
    good = bytes.fromhex(other.sign_claim(ed_channel, amount))
    bare = other.public_key[2:]
    await case.play("ed25519 key without its ED prefix", bare, ed_channel, good, amount)
    amount = Drops(5 * XRP)
    longer = b"CLM\0" + bytes.fromhex(channel) + amount.to_bytes(8, "big") + b"\0"
    signed = bytes.fromhex(source.sign(longer))
    await case.play("payload with a trailing byte", source.public_key, channel, signed, amount)
    signed = bytes.fromhex(source.sign_claim(ed_channel, amount))
    await case.play("signed for another channel", source.public_key, channel, signed, amount)


class _Cases:
    """Plays one signature after the other, each over one XRP more than the last."""

    def __init__(self, stage: Stage, destination: Person) -> None:
        self._stage = stage
        self._destination = destination
        self._xrp = 0

    def next_amount(self) -> Drops:
        """Return an amount above all before."""
        self._xrp += 1
        return Drops(self._xrp * XRP)

    async def play(
        self, name: str, key: str, channel: ChannelId, signature: bytes, amount: Drops
    ) -> None:
        """Submit a claim with this signature, and note what came of it."""
        text = signature.hex().upper()
        tx: Mapping[str, Any] = {
            "TransactionType": _CLAIM,
            "Channel": channel,
            "Amount": str(amount),
            "Balance": str(amount),
            "Signature": text,
            "PublicKey": key,
        }
        answer = await self._stage.try_to_submit(tx, self._destination)
        self._stage.tape.note(
            "the answer",
            case=name,
            channel=channel,
            public_key=key,
            amount=str(amount),
            signature=text,
            engine_result=answer.get("engine_result"),
            error=answer.get("error"),
            local_error=answer.get("local_error"),
        )
        await self._stage.close_ledger()


def _der(
    r: int, s: int, *, pad_r: bool = False, inside: bytes = b"", long_form: bool = False
) -> bytes:
    body = _der_integer(r, pad=pad_r) + _der_integer(s) + inside
    return b"\x30" + (b"\x81" if long_form else b"") + bytes([len(body)]) + body


def _der_integer(value: int, *, pad: bool = False) -> bytes:
    raw = (b"\0" if pad else b"") + value.to_bytes((value.bit_length() + 8) // 8, "big")
    return b"\x02" + bytes([len(raw)]) + raw


def _read_der(signature: bytes) -> tuple[int, int]:
    length = signature[3]
    r, rest = signature[4 : 4 + length], signature[4 + length :]
    return int.from_bytes(r, "big"), int.from_bytes(rest[2 : 2 + rest[1]], "big")


_ECDSA_FORMS: Final[dict[str, Callable[[int, int], bytes]]] = {
    "as signed": _der,
    "high S": lambda r, s: _der(r, _SECP256K1_ORDER - s),
    "R padded with a zero byte": lambda r, s: _der(r, s, pad_r=True),
    "trailing byte inside": lambda r, s: _der(r, s, inside=b"\0"),
    "trailing byte outside": lambda r, s: _der(r, s) + b"\0",
    "long-form length": lambda r, s: _der(r, s, long_form=True),
    "R is zero": lambda _r, s: _der(0, s),
    "S is zero": lambda r, _s: _der(r, 0),
    "S is the group order": lambda r, _s: _der(r, _SECP256K1_ORDER),
    "empty": lambda _r, _s: b"",
    "compact 64 bytes": lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"),
}

_EDDSA_FORMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "as signed": lambda good: good,
    "S plus the group order": lambda good: (
        good[:32] + (int.from_bytes(good[32:], "little") + _ED25519_ORDER).to_bytes(32, "little")
    ),
    "one bit of R flipped": lambda good: bytes([good[0] ^ 1]) + good[1:],
    "truncated": lambda good: good[:63],
    "65 bytes": lambda good: good + b"\0",
    "all zero": lambda _good: bytes(64),
}
