"""What requests cost an address, and when it is warned and when it is dropped. Pure.

Guarantees that who asks as the recording's client did is warned and dropped as it was. A cost is
added to a sum that decays by a 32nd a second; a 32nd of the sum is the *balance*: from 5,000 on
there are warnings, from 25,000 on nobody is answered. All connections of one address share it
(rippled include/xrpl/resource/detail/Logic.h, newInboundEndpoint: the key is the address alone).
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

__all__ = ["Charges"]

# Charges by name (rippled src/libxrpl/resource/Fees.cpp; a real 3.1.1 charged so when recorded).
_REFERENCE: Final = 20
_EXCEPTION: Final = 100
_MALFORMED: Final = 100
_MEDIUM: Final = 400
_HEAVY: Final = 3_000
_WARNING: Final = 4_000
_DROP: Final = 6_000

# Thresholds (include/xrpl/resource/detail/Tuning.h: warningThreshold, dropThreshold,
# decayWindowSeconds).
_WARN_AT: Final = 5_000
_DROP_AT: Final = 25_000
_WINDOW: Final = 32
"""Seconds over which a burden is averaged; after four times that it is forgotten."""

_AT_ONCE: Final = {
    "account_tx": _MEDIUM,
    "simulate": _MEDIUM,
    "submit": _MEDIUM,
    "submit_multisigned": _HEAVY,
}
"""Charged whatever comes of it (src/xrpld/rpc/handlers: AccountTx.cpp, doAccountTxHelp; Submit.cpp,
doSubmit; SubmitMultiSigned.cpp, doSubmitMultiSigned: each sets ``loadType`` first)."""

_IF_ANSWERED: Final = {"account_channels": _MEDIUM, "account_objects": _MEDIUM}
"""A refusal of these costs no more than any other (AccountChannels.cpp, doAccountChannels;
AccountObjects.cpp, doAccountObjects: each sets ``loadType`` last). ``channel_verify`` is as cheap
as any on 3.1.1 (PayChanClaim.cpp, doChannelVerify sets none); since 3.3.0 it is heavy."""

_OF_ADMINISTRATORS: Final = frozenset({"ledger_accept", "misbehave"})
"""Whose connections are exempt (Logic.h, warn and disconnect: isUnlimited)."""


class Charges:
    """The burden of one address. Times are seconds of a steady clock; parts are dropped."""

    def __init__(self) -> None:
        self._sum = 0
        self._at = 0
        self._warned_at: int | None = None

    def is_over(self, now: float) -> bool:
        """Return whether the connection is to be dropped instead of being answered.

        Being dropped costs by itself, so that it does not help to connect anew at once
        (ServerHandler.cpp, processSession; Logic.h, disconnect: feeDrop).
        """
        if self._balance(int(now)) < _DROP_AT:
            return False
        self._sum += _DROP
        return True

    def charge(self, command: str | None, now: float, error: str | None = None) -> bool:
        """Charge for a request; return whether its answer carries a warning.

        A warning is given once in a second at most, and costs by itself (Logic.h, warn). One that
        is no request is charged and never warned (ServerHandler.cpp, onWSMessage, processSession).

        Args:
            command: None if the request named none, or was no JSON object.
            now: when.
            error: the name of the error that it was refused with.
        """
        second = int(now)
        self._balance(second)
        self._sum += _cost(command, error)
        is_request = command is not None and command not in _OF_ADMINISTRATORS
        if not is_request or self._sum // _WINDOW < _WARN_AT or self._warned_at == second:
            return False
        self._warned_at = second
        self._sum += _WARNING
        return True

    def _balance(self, second: int) -> int:
        """Let the burden decay until now, and return it (basics/DecayingSample.h, decay)."""
        passed = (_stamp(second) - _stamp(self._at)) >> 32
        self._at = second
        if passed > 4 * _WINDOW:
            self._sum = 0
        for _ in range(min(passed, 4 * _WINDOW)):
            self._sum -= (self._sum + _WINDOW - 1) // _WINDOW
        return self._sum // _WINDOW


def _stamp(second: int) -> int:
    """Return what the server's clock says in that second, in units of 2⁻³² s.

    It stands still for a second, and then says when its thread happened to wake (src/libxrpl/beast/
    clock/basic_seconds_clock.cpp, run). Only whole seconds between two such moments count as
    passed, so who asks without a pause loses every other decay: the recording's client was dropped
    with its 1,981st request, and would have had 2,157 otherwise. The delay is made of the second.
    """
    return (second << 32) + crc32(second.to_bytes(8, "big"))


def _cost(command: str | None, error: str | None) -> int:
    if command is None:
        return _MALFORMED
    if command in _OF_ADMINISTRATORS:
        return 0
    if command in _AT_ONCE:
        return _AT_ONCE[command]
    if error is None:
        return _IF_ANSWERED.get(command, _REFERENCE)
    # What a handler throws (RPCHandler.cpp, callMethod: feeExceptionRPC) is told as ``internal``.
    return _EXCEPTION if error == "internal" else _REFERENCE
