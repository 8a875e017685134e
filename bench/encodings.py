"""What a ``PaymentChannelClaim`` costs as bytes: our codecs and xrpl-py's, in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from xrpl.core import binarycodec

from bench.instrument import Work, per_second, ratios
from bench.report import Report, reading
from bench.scale import Scale
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
    if (codec.encode(fields), codec.decode(blob)) != (blob, binarycodec.decode(blob)):
        raise AssertionError(blob)
    found = per_second(
        scale.rounds,
        {
            "sandbox": _again(lambda: codec.encode(fields), _TIMES),
            "xrpl-py": _again(lambda: binarycodec.encode(fields), _TIMES_OF_XRPL_PY),
            "sandbox reads": _again(lambda: codec.decode(blob), _TIMES),
            "xrpl-py reads": _again(lambda: binarycodec.decode(blob), _TIMES_OF_XRPL_PY),
        },
    )
    return Report(
        readings=(
            reading("encode.sandbox_us", "µs", _microseconds(found["sandbox"])),
            reading("encode.xrpl_py_us", "µs", _microseconds(found["xrpl-py"])),
            reading(
                "encode.sandbox_over_xrpl_py", "ratio", ratios(found["sandbox"], found["xrpl-py"])
            ),
            reading("decode.sandbox_us", "µs", _microseconds(found["sandbox reads"])),
            reading("decode.xrpl_py_us", "µs", _microseconds(found["xrpl-py reads"])),
            reading(
                "decode.sandbox_over_xrpl_py",
                "ratio",
                ratios(found["sandbox reads"], found["xrpl-py reads"]),
            ),
        )
    )


def _microseconds(rates: list[float]) -> list[float]:
    return [1e6 / rate for rate in rates]


def _again(act: Callable[[], object], times: int) -> Work:
    def work() -> int:
        for _ in range(times):
            act()
        return times

    return work
