"""What signing one claim costs the tower: permission, encoding, signature, reading back, verifying.

Beside it xrpl-py's own signing of the same transaction, in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from xrpl.constants import CryptoAlgorithm
from xrpl.models.transactions.transaction import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet

from bench.encodings import claim
from bench.instrument import Work, per_second, profile, ratios
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.keys.authority import Right
from watchtower.keys.signer import Signer
from watchtower.sandbox.family_seed import keys_of
from watchtower.sandbox.people import Person
from watchtower.store.secrets import StoredKey
from watchtower.units import Address, Drops

__all__ = ["measure"]

_TIMES: Final = 300
_TIMES_OF_XRPL_PY: Final = 5
_MADE_BY_SIGNING: Final = ("SigningPubKey", "TxnSignature")


class _OneKey:
    """A vault that is open and holds one key."""

    def __init__(self, person: Person) -> None:
        _, private_key = keys_of(person.seed)
        self._key = StoredKey(
            account=person.address, public_key=person.public_key, private_key=private_key
        )

    async def key_of(self, account: Address) -> StoredKey:
        """Return the key."""
        if account != self._key.account:
            raise AssertionError(account)
        return self._key


def measure(scale: Scale) -> Report:
    """Sign one claim, over and over."""
    payee = Person.named("payee")
    unsigned = {k: v for k, v in claim().items() if k not in _MADE_BY_SIGNING}
    signer = Signer(_OneKey(payee), [payee.address], Drops(100), right=Right.MASTER_KEY)
    tower = _tower(signer, unsigned)
    found = per_second(scale.rounds, {"tower": tower, "xrpl-py": _xrpl_py(payee, unsigned)})
    lines, where = profile(tower)
    return Report(
        readings=(
            reading("sign.claims_per_s", "1/s", found["tower"]),
            reading("sign.claims_xrpl_py_per_s", "1/s", found["xrpl-py"]),
            reading("sign.claims_over_xrpl_py", "ratio", ratios(found["tower"], found["xrpl-py"])),
        ),
        profile=lines,
        where=where,
    )


def _tower(signer: Signer, unsigned: Mapping[str, Any]) -> Work:
    async def sign_all() -> int:
        for _ in range(_TIMES):
            await signer.sign(unsigned)
        return _TIMES

    return lambda: asyncio.run(sign_all())


def _xrpl_py(person: Person, unsigned: Mapping[str, Any]) -> Work:
    wallet = Wallet.from_seed(person.seed, algorithm=CryptoAlgorithm.SECP256K1)
    transaction = Transaction.from_xrpl(dict(unsigned))

    def work() -> int:
        for _ in range(_TIMES_OF_XRPL_PY):
            sign(transaction, wallet)
        return _TIMES_OF_XRPL_PY

    return work
