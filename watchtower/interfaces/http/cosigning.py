"""The route at which other towers ask for signatures, where this tower is a co-signer.

What it guarantees: nobody asks without a token of the scope ``cosign``; where others than this
machine can come, the settings see to it that there is a client's certificate besides. What was
asked for is judged behind the door, by `keys/cosigning.py`; nothing is believed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from watchtower.access.token import Scope
from watchtower.interfaces.http.knocking import needs, only_json
from watchtower.interfaces.http.problems import problems_with
from watchtower.keys.cosign_messages import CosignAnswers, CosignMessage

__all__ = ["CosignDoor", "cosign"]


_PROBLEMS: Final = problems_with(400, 401, 403, 408, 413, 415, 421, 500, 503)


@runtime_checkable
class CosignDoor(Protocol):
    """Who judges, and signs."""

    async def answer(self, transactions: Sequence[Mapping[str, Any]]) -> CosignAnswers:
        """Return a signature for each transaction, or the reason for none."""
        ...


@post(
    "/v1/cosign",
    guards=[only_json],
    status_code=200,
    responses=_PROBLEMS,
    summary="Sign claims that are redeemed by several signers",
    **needs(Scope.COSIGN),
)
async def cosign(
    data: JSONBody[CosignMessage], cosigner: NamedDependency[CosignDoor]
) -> CosignAnswers:
    """Return this tower's signature for each transaction, or in one sentence why there is none."""
    return await cosigner.answer(data.transactions)
