"""What verifying one claim costs: the sandbox's verifier, the tower's, and xrpl-py's, in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xrpl.core.keypairs import is_valid_message

from bench.instrument import Work, per_second, ratios
from bench.report import Reading, Report, reading
from bench.scale import Scale
from watchtower.judgement.signature import canonical
from watchtower.sandbox.people import Person
from watchtower.sandbox.signatures import claim_message, verify
from watchtower.units import ChannelId, Drops

__all__ = ["measure"]

_TIMES: Final = 300
_TIMES_OF_XRPL_PY: Final = 10
_CHANNEL: Final = ChannelId("AB" * 32)
_DROPS: Final = Drops(1_000_000)


def measure(scale: Scale) -> Report:
    """Verify one good claim of each kind of key, over and over."""
    readings: list[Reading] = []
    for kind in ("secp256k1", "ed25519"):
        person = Person.named("payer", ed25519=kind == "ed25519")
        message = claim_message(_CHANNEL, _DROPS)
        signature = bytes.fromhex(person.sign_claim(_CHANNEL, _DROPS))
        found = per_second(scale.rounds, _verifiers(person.public_key, message, signature))
        readings += (
            reading(f"verify.{kind}_per_s", "1/s", found["tower"]),
            reading(f"verify.{kind}_sandbox_per_s", "1/s", found["sandbox"]),
            reading(f"verify.{kind}_xrpl_py_per_s", "1/s", found["xrpl-py"]),
            reading(
                f"verify.{kind}_over_xrpl_py", "ratio", ratios(found["tower"], found["xrpl-py"])
            ),
        )
    return Report(readings=readings)


def _verifiers(public_key: str, message: bytes, signature: bytes) -> dict[str, Work]:
    key = bytes.fromhex(public_key)

    def tower() -> bool:
        return canonical(key, message, signature) is not None

    return {
        "tower": _again(tower, _TIMES),
        "sandbox": _again(lambda: verify(public_key, message, signature), _TIMES),
        "xrpl-py": _again(
            lambda: is_valid_message(message, signature, public_key), _TIMES_OF_XRPL_PY
        ),
    }


def _again(verified: Callable[[], bool], times: int) -> Work:
    def work() -> int:
        for _ in range(times):
            if not verified():
                raise AssertionError("a good signature was refused")
        return times

    return work
