"""What no transaction may do to a channel, what a success must have done, and why one is refused.

Written from the ledger's rules (docs/ledger-rules.md), entry before and entry after, and not from
the code that applies them: it says what may come out, not how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Act", "check_change", "check_outcome", "paid_by"]

_RENEW: Final = 0x00010000
_CLOSE: Final = 0x00020000
_LAST_SECOND: Final = 2**32 - 1
_FOR_LIFE: Final = (
    "Account",
    "CancelAfter",
    "Destination",
    "DestinationNode",
    "DestinationTag",
    "Flags",
    "OwnerNode",
    "PublicKey",
    "Sequence",
    "SettleDelay",
)

_Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A transaction in a ledger, and the clock and the rules that it meets there.

    ``time`` is the close time of the parent ledger; with ``cleanup`` (fixCleanup3_2_0) a date is
    over only after it, and sums of time stop at the last second where they wrapped around.
    """

    tx: Mapping[str, Any]
    time: int
    cleanup: bool

    @property
    def kind(self) -> str:
        """The transaction type."""
        return str(self.tx["TransactionType"])

    def asks(self, flag: int) -> bool:
        """Return whether a flag is set."""
        return bool(self.tx.get("Flags", 0) & flag)

    def is_over(self, channel: _Entry) -> bool:
        """Return whether a channel's time is up."""
        reached = self.time - 1 if self.cleanup else self.time
        return any(reached >= channel[f] for f in ("Expiration", "CancelAfter") if f in channel)

    def earliest(self, channel: _Entry) -> int:
        """Return the soonest date that the source may set."""
        settled = self.time + channel["SettleDelay"]
        settled = min(settled, _LAST_SECOND) if self.cleanup else settled % 2**32
        return int(min(settled, channel.get("Expiration", settled)))


def paid_by(before: _Entry | None, after: _Entry, *, deleted: bool) -> Iterator[tuple[str, int]]:
    """Return who gains (or loses) what by a channel's change."""
    was = before or {"Amount": "0", "Balance": "0"}
    amount, balance = int(after["Amount"]), int(after["Balance"])
    yield after["Destination"], balance - int(was["Balance"])
    yield after["Account"], int(was["Amount"]) - amount
    if deleted:
        yield after["Account"], amount - balance


def check_change(
    act: Act, before: _Entry | None, after: _Entry, *, deleted: bool, promised: int
) -> None:
    """Check one transaction's work on one channel.

    Args:
        act: what works on it.
        before: the channel as it was; None if this transaction opened it.
        after: the channel as it is, or as it last was.
        deleted: whether it is gone.
        promised: the most that the source has signed or sent.

    Raises:
        AssertionError: it may not do so.
    """
    assert 0 <= int(after["Balance"]) <= int(after["Amount"])
    if before is None:
        _check_opening(act.tx, after)
        return
    assert [before.get(field) for field in _FOR_LIFE] == [after.get(field) for field in _FOR_LIFE]
    if act.is_over(before):
        # Whoever touches an expired channel closes it, and does nothing else.
        assert (deleted, before) == (True, after)
        return
    paid = int(after["Balance"]) - int(before["Balance"])
    assert paid >= 0
    assert paid == 0 or act.kind == "PaymentChannelClaim"
    assert int(after["Balance"]) <= max(promised, int(before["Balance"]))
    added = int(after["Amount"]) - int(before["Amount"])
    assert added == (int(act.tx["Amount"]) if act.kind == "PaymentChannelFund" else 0)
    if deleted:
        # Before its time it ends by its destination's wish, or dry and by its source's.
        is_dry = after["Amount"] == after["Balance"]
        assert act.asks(_CLOSE)
        assert act.tx["Account"] == after["Account" if is_dry else "Destination"] or (
            is_dry and act.tx["Account"] == after["Destination"]
        )
    _check_date(act, before, after)


def _check_opening(tx: Mapping[str, Any], channel: _Entry) -> None:
    assert tx["TransactionType"] == "PaymentChannelCreate"
    asked = ("Account", "Amount", "CancelAfter", "Destination", "PublicKey", "SettleDelay")
    assert [channel.get(field) for field in asked] == [tx.get(field) for field in asked]
    assert channel["Balance"] == "0"
    assert "Expiration" not in channel


def _check_date(act: Act, before: _Entry, after: _Entry) -> None:
    """Only the source sets, moves or lifts the date, and never to before the settle delay."""
    old, new = before.get("Expiration"), after.get("Expiration")
    if old == new:
        return
    assert act.tx["Account"] == before["Account"]
    if new is None:
        assert (act.kind, act.asks(_RENEW)) == ("PaymentChannelClaim", True)
    elif act.kind == "PaymentChannelFund":
        assert new == act.tx["Expiration"] >= act.earliest(before)
    else:
        assert (act.asks(_CLOSE), new) == (True, act.earliest(before))


def check_outcome(
    act: Act, result: str, before: _Entry | None, after: _Entry | None, *, deposit_is_barred: bool
) -> None:
    """Check that a success did what was asked of a channel, and that a refusal has its reason.

    Args:
        act: a Fund or a Claim.
        result: what the ledger says of it.
        before: the channel it names, None if there was none.
        after: the same after it, None if it is gone.
        deposit_is_barred: whether the destination takes no deposit from the sender.

    Raises:
        AssertionError: it promised more than it did, or refused without a reason.
    """
    reasons = _reasons(act, before, deposit_is_barred=deposit_is_barred)
    if result != "tesSUCCESS":
        assert result in reasons
        return
    assert not reasons & {"tecNO_ENTRY", "tecNO_TARGET", "tecNO_PERMISSION", "tecUNFUNDED_PAYMENT"}
    assert before is not None
    if act.is_over(before):
        assert after is None
    elif act.kind == "PaymentChannelClaim" and after is not None:
        assert after["Balance"] == act.tx.get("Balance", before["Balance"])
        wanted = act.earliest(before) if act.asks(_CLOSE) else before.get("Expiration")
        assert after.get("Expiration") == (None if act.asks(_RENEW) else wanted)
        is_dry = after["Balance"] == after["Amount"]
        assert not act.asks(_CLOSE) or (not is_dry and act.tx["Account"] != after["Destination"])


def _reasons(act: Act, channel: _Entry | None, *, deposit_is_barred: bool) -> set[str]:
    """Return the results with which the ledger may refuse what was asked."""
    is_claim = act.kind == "PaymentChannelClaim"
    if channel is None:
        return {"tecNO_TARGET" if is_claim else "tecNO_ENTRY"}
    if act.is_over(channel):
        return set()
    if not is_claim:
        early = act.tx.get("Expiration", _LAST_SECOND) < act.earliest(channel)
        if act.tx["Account"] != channel["Account"] or (early and act.cleanup):
            return {"tecNO_PERMISSION"}
        return {"tecINSUFFICIENT_RESERVE", "tecUNFUNDED"}
    return _reasons_of_claim(act, channel, deposit_is_barred=deposit_is_barred)


def _reasons_of_claim(act: Act, channel: _Entry, *, deposit_is_barred: bool) -> set[str]:
    tx, reasons = act.tx, set()
    is_source = tx["Account"] == channel["Account"]
    if not is_source and (tx["Account"] != channel["Destination"] or act.asks(_RENEW)):
        reasons.add("tecNO_PERMISSION")
    if "Balance" in tx:
        if not int(channel["Balance"]) < int(tx["Balance"]) <= int(channel["Amount"]):
            reasons.add("tecUNFUNDED_PAYMENT")
        is_stripped = not is_source and "Signature" not in tx
        is_foreign = "Signature" in tx and tx["PublicKey"] != channel["PublicKey"]
        if is_stripped or is_foreign or deposit_is_barred:
            reasons.add("tecNO_PERMISSION")
    return reasons
