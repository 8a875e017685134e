"""What a ``PaymentChannelClaim`` costs as bytes: our codecs and xrpl-py's, in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from xrpl.core import binarycodec

from bench.instrument import Work, per_second, ratios
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.keys.claim_encoding import decode_claim, encode_claim
from watchtower.sandbox import codec
from watchtower.sandbox.people import Person

__all__ = ["claim", "measure"]

_TIMES: Final = 1000
_TIMES_OF_XRPL_PY: Final = 20


def claim() -> dict[str, Any]:
    """Return a claim as the tower redeems it, signed."""
    payer, payee = Person.named("payer"), Person.named("payee")
    return payee.sign_transaction(
        {
            "TransactionType": "PaymentChannelClaim",
            "Account": payee.address,
            "Fee": "12",
            "Sequence": 7,
            "LastLedgerSequence": 20,
            "Channel": "AB" * 32,
            "Amount": "1000000",
            "Balance": "1000000",
            "PublicKey": payer.public_key,
            "Signature": "30" * 70,
        }
    )


def measure(scale: Scale) -> Report:
    """Encode and decode one claim, over and over."""
    fields = claim()
    blob = binarycodec.encode(fields)
    data = bytes.fromhex(blob)
    if codec.encode(fields) != blob or encode_claim(fields) != data:
        raise AssertionError(blob)
    found = per_second(
        scale.rounds,
        {
            "encode.claim": _again(lambda: encode_claim(fields), _TIMES),
            "encode.sandbox": _again(lambda: codec.encode(fields), _TIMES),
            "encode.xrpl_py": _again(lambda: binarycodec.encode(fields), _TIMES_OF_XRPL_PY),
            "decode.claim": _again(lambda: decode_claim(data), _TIMES),
            "decode.sandbox": _again(lambda: codec.decode(blob), _TIMES),
            "decode.xrpl_py": _again(lambda: binarycodec.decode(blob), _TIMES_OF_XRPL_PY),
        },
    )
    readings = [
        reading(f"{name}_us", "µs", [1e6 / rate for rate in rates]) for name, rates in found.items()
    ]
    for way in ("encode", "decode"):
        slow = found[f"{way}.xrpl_py"]
        for ours in ("claim", "sandbox"):
            faster = ratios(found[f"{way}.{ours}"], slow)
            readings.append(reading(f"{way}.{ours}_over_xrpl_py", "ratio", faster))
    return Report(
        readings=readings,
        where="The tower's codec knows claims alone; the sandbox's knows plain transactions.",
    )


def _again(act: Callable[[], object], times: int) -> Work:
    def work() -> int:
        for _ in range(times):
            act()
        return times

    return work
