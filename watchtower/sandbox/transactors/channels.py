"""PaymentChannelCreate, PaymentChannelFund, PaymentChannelClaim as xrpld 3.1.1 has them.

Lines of PayChan.cpp are those of rippled 3.1.1 (src/xrpld/app/tx/detail/). Those of
PaymentChannelCreate.cpp, …Fund.cpp, …Claim.cpp (src/libxrpl/tx/transactors/payment_channel/) and
PaymentChannelHelpers.cpp (src/libxrpl/ledger/helpers/) are of 3.3.0-b0, where the rules read the
same but for the amendments. The clock is the parent ledger's close time
throughout, and a channel is expired once that has *reached* ``Expiration`` or ``CancelAfter``; with
fixCleanup3_2_0, once it has *passed* them.
"""

from __future__ import annotations

from typing import Final

from watchtower.sandbox import directories
from watchtower.sandbox.account_flags import (
    DEPOSIT_AUTH,
    DISALLOW_INCOMING_PAYCHAN,
    REQUIRE_DEST_TAG,
)
from watchtower.sandbox.entries import Entry, drops, has_flag, put_drops
from watchtower.sandbox.hashing import channel_index, preauth_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.signatures import is_public_key, verify_claim
from watchtower.sandbox.transaction import Transaction
from watchtower.sandbox.transactors.context import (
    ApplyContext,
    PreclaimContext,
    Transactor,
    adjust_owner_count,
    amount_fault,
    no_preclaim,
)

__all__ = ["CLAIM", "CREATE", "FUND"]

_RENEW: Final = 0x00010000
_CLOSE: Final = 0x00020000
_CLEANUP: Final = "fixCleanup3_2_0"
_NO_CHANNEL: Final = "0" * 64
_LAST_SECOND: Final = 2**32 - 1


def _create_preflight(tx: Transaction, _rules: Rules) -> str:
    """(PayChan.cpp:185-196; PaymentChannelCreate.cpp:59-66)."""
    if fault := amount_fault(tx.fields["Amount"]):
        return fault  # PayChan.cpp:188
    if tx.fields["Destination"] == tx.account:
        return "temDST_IS_SRC"  # :191
    if not is_public_key(tx.fields["PublicKey"]):
        return "temMALFORMED"  # :194
    return SUCCESS


def _create_preclaim(context: PreclaimContext) -> str:
    """Return what of the state forbids the channel.

    (PayChan.cpp:200-256; PaymentChannelCreate.cpp:77-113)

    Deposit authorisation of the destination is no obstacle. Pseudo-accounts, which are (:251), do
    not exist here.
    """
    fields = context.tx.fields
    source = context.account(context.tx.account)
    if source is None:
        return "terNO_ACCOUNT"  # PaymentChannelCreate.cpp:77
    reserve = context.rules.reserve(source["OwnerCount"] + 1)
    if drops(source, "Balance") < reserve:
        return "tecINSUFFICIENT_RESERVE"  # PayChan.cpp:214
    if drops(source, "Balance") < reserve + int(fields["Amount"]):
        return "tecUNFUNDED"  # :217
    destination = context.account(fields["Destination"])
    if destination is None:
        return "tecNO_DST"  # :227
    if has_flag(destination, DISALLOW_INCOMING_PAYCHAN):
        return "tecNO_PERMISSION"  # :232
    if has_flag(destination, REQUIRE_DEST_TAG) and "DestinationTag" not in fields:
        return "tecDST_TAG_NEEDED"  # :236
    return SUCCESS


def _create_apply(context: ApplyContext) -> str:
    """(PayChan.cpp:259-325.) The entry stands in both directories; only the source reserves."""
    tx, fields = context.tx, context.tx.fields
    # PayChan.cpp:266-271, PaymentChannelCreate.cpp:127-132: a channel may be born at its end, but
    # not after it.
    is_over = fields.get("CancelAfter", _LAST_SECOND) < context.parent_close_time
    if is_over and context.rules.enabled("fixPayChanCancelAfter"):
        return "tecEXPIRED"
    index = channel_index(tx.account, fields["Destination"], tx.seat_value)  # :280
    channel: Entry = {
        "LedgerEntryType": "PayChannel",
        "Account": tx.account,
        "Destination": fields["Destination"],
        "Amount": fields["Amount"],
        "Balance": "0",
        "PublicKey": fields["PublicKey"],
        "SettleDelay": fields["SettleDelay"],
        "Flags": 0,
        "Sequence": tx.seat_value,
    }
    for optional in ("CancelAfter", "SourceTag", "DestinationTag"):
        if optional in fields:
            channel[optional] = fields[optional]
    context.add_owned(index, channel, tx.account)
    channel["DestinationNode"] = directories.add(context.view, fields["Destination"], index)
    context.pay(context.sender, -int(fields["Amount"]))
    return SUCCESS


def _fund_preflight(tx: Transaction, rules: Rules) -> str:
    """(PayChan.cpp:330-337; PaymentChannelFund.cpp:33)."""
    if _names_no_channel(tx, rules):
        return "temMALFORMED"
    return amount_fault(tx.fields["Amount"]) or SUCCESS


def _fund_apply(context: ApplyContext) -> str:
    """Add funds, and perhaps a date.

    (PayChan.cpp:345-425; PaymentChannelFund.cpp:48-101)

    Expiry comes before the question whose channel it is, so that anybody may close it.
    """
    tx, fields = context.tx, context.tx.fields
    channel = context.view.peek(fields["Channel"])
    if channel is None or channel["LedgerEntryType"] != "PayChannel":
        return "tecNO_ENTRY"  # PaymentChannelFund.cpp:48
    if _is_expired(context, channel):
        return _close(context, fields["Channel"], channel)  # :54-58
    if channel["Account"] != tx.account:
        return "tecNO_PERMISSION"  # :60
    if "Expiration" in fields:
        earliest = _settled_at(context, channel)
        if "Expiration" in channel:
            earliest = min(earliest, channel["Expiration"])
        if fields["Expiration"] < earliest:
            # Costs the fee since the fix (:66-79).
            return _since_cleanup(context, "tecNO_PERMISSION", before="temBAD_EXPIRATION")
        channel["Expiration"] = fields["Expiration"]
    source, amount = context.sender, int(fields["Amount"])
    reserve = context.rules.reserve(source["OwnerCount"])
    if drops(source, "Balance") < reserve:
        return "tecINSUFFICIENT_RESERVE"  # :93
    if drops(source, "Balance") < reserve + amount:
        return "tecUNFUNDED"  # :97
    if context.account(channel["Destination"]) is None:
        return "tecNO_DST"  # :101
    put_drops(channel, "Amount", drops(channel, "Amount") + amount)
    context.pay(source, -amount)
    return SUCCESS


def _claim_preflight(tx: Transaction, rules: Rules) -> str:
    """Return what is wrong with the claim by itself.

    (PayChan.cpp:435-497; PaymentChannelClaim.cpp:45-86)

    A signature is checked here, against the key that came with it.
    """
    if _names_no_channel(tx, rules):
        return "temMALFORMED"
    fields = tx.fields
    balance, amount = fields.get("Balance"), fields.get("Amount")
    for value in (balance, amount):
        if value is not None and amount_fault(value):
            return "temBAD_AMOUNT"  # PaymentChannelClaim.cpp:48-54
    if balance is not None and amount is not None and int(balance) > int(amount):
        return "temBAD_AMOUNT"  # :57
    if has_flag(fields, _CLOSE | _RENEW):
        return "temMALFORMED"  # :60
    if "Signature" not in fields:
        return SUCCESS
    if "PublicKey" not in fields or balance is None or not is_public_key(fields["PublicKey"]):
        return "temMALFORMED"  # :66
    # The claim was signed over Amount; only without it over Balance.
    promised = int(amount if amount is not None else balance)
    if not verify_claim(fields["PublicKey"], fields["Channel"], promised, fields["Signature"]):
        return "temBAD_SIGNATURE"  # :86
    return SUCCESS


def _claim_apply(context: ApplyContext) -> str:
    """Pay, renew, close, or all that is left to do.

    (PayChan.cpp:512-618; PaymentChannelClaim.cpp:114-203)

    Whoever touches an expired channel closes it, and is paid nothing.
    """
    tx, fields = context.tx, context.tx.fields
    channel = context.view.peek(fields["Channel"])
    if channel is None or channel["LedgerEntryType"] != "PayChannel":
        return "tecNO_TARGET"  # PaymentChannelClaim.cpp:114
    if _is_expired(context, channel):
        return _close(context, fields["Channel"], channel)  # :122
    if tx.account not in (channel["Account"], channel["Destination"]):
        return "tecNO_PERMISSION"  # :128
    if "Balance" in fields and (refusal := _redeem(context, channel)):
        return refusal
    if has_flag(fields, _RENEW):
        if tx.account != channel["Account"]:
            return "tecNO_PERMISSION"  # :182
        channel.pop("Expiration", None)
    if has_flag(fields, _CLOSE):
        return _request_close(context, channel)
    return SUCCESS


def _redeem(context: ApplyContext, channel: Entry) -> str | None:
    """Pay up to the claim's balance; return why not, or None if it was paid.

    (PayChan.cpp:539-588; PaymentChannelClaim.cpp:137-167)

    Only ``Balance`` is held against the funds: a signature for more than there is pays all that
    there is.
    """
    tx, fields = context.tx, context.tx.fields
    # PaymentChannelClaim.cpp:137, :146: since the fix both burn the fee and the seat, so whoever
    # strips the signature from a claim in flight takes the sequence or ticket from under it.
    if tx.account == channel["Destination"] and "Signature" not in fields:
        return _since_cleanup(context, "tecNO_PERMISSION", before="temBAD_SIGNATURE")
    if "Signature" in fields and fields["PublicKey"] != channel["PublicKey"]:
        return _since_cleanup(context, "tecNO_PERMISSION", before="temBAD_SIGNER")
    wanted, paid = int(fields["Balance"]), drops(channel, "Balance")
    if wanted > drops(channel, "Amount") or wanted <= paid:
        return "tecUNFUNDED_PAYMENT"  # :153, :156
    destination = context.account(channel["Destination"])
    if destination is None:
        return "tecNO_DST"  # :164
    # :167, CredentialHelpers.cpp, verifyDepositPreauth: its own claim is its own act.
    if has_flag(destination, DEPOSIT_AUTH) and tx.account != channel["Destination"]:
        preauth = preauth_index(channel["Destination"], tx.account)
        if context.view.read(preauth) is None:
            return "tecNO_PERMISSION"
    channel["Balance"] = fields["Balance"]
    context.pay(destination, wanted - paid)
    return None


def _request_close(context: ApplyContext, channel: Entry) -> str:
    """Close at once if the destination asks or nothing is left, else set a date.

    (PayChan.cpp:597-616; PaymentChannelClaim.cpp:191-203.) A date that is already sooner stays.
    """
    is_dry = channel["Balance"] == channel["Amount"]
    if context.tx.account == channel["Destination"] or is_dry:
        return _close(context, context.tx.fields["Channel"], channel)
    settled = _settled_at(context, channel)
    if channel.get("Expiration", settled + 1) > settled:
        channel["Expiration"] = settled
    return SUCCESS


def _settled_at(context: ApplyContext, channel: Entry) -> int:
    """Return the close time plus the settle delay, as 32 bits hold it.

    The sum wraps (PayChan.cpp:604-606): a huge delay is a date in the past, and no window at all.
    With fixCleanup3_2_0 it stops at the last second there is (PaymentChannelHelpers.cpp:69-81).
    """
    settled: int = context.parent_close_time + channel["SettleDelay"]
    if context.rules.enabled(_CLEANUP):
        return min(settled, _LAST_SECOND)
    return settled % 2**32


def _is_expired(context: ApplyContext, channel: Entry) -> bool:
    """Return whether a date was reached, or with the fix was passed.

    (PayChan.cpp:523-531; PaymentChannelHelpers.cpp:83-91)
    """
    now = context.parent_close_time
    if context.rules.enabled(_CLEANUP):
        now -= 1
    dates = (channel.get("Expiration"), channel.get("CancelAfter"))
    return any(date is not None and now >= date for date in dates)


def _names_no_channel(tx: Transaction, rules: Rules) -> bool:
    """(PaymentChannelClaim.cpp:45, PaymentChannelFund.cpp:33.) Before the fix it is not found."""
    return rules.enabled(_CLEANUP) and tx.fields["Channel"] == _NO_CHANNEL


def _since_cleanup(context: ApplyContext, result: str, *, before: str) -> str:
    """Return the result that fixCleanup3_2_0 gave to a refusal, or the one it had before."""
    return result if context.rules.enabled(_CLEANUP) else before


def _close(context: ApplyContext, index: str, channel: Entry) -> str:
    """Give the rest back to the source and remove the channel (PayChan.cpp, closeChannel).

    Entries older than fixPayChanRecipientOwnerDir stand in the source's directory alone.
    """
    view, source = context.view, channel["Account"]
    places = [(source, channel["OwnerNode"])]
    if "DestinationNode" in channel:
        places.append((channel["Destination"], channel["DestinationNode"]))
    for owner, page in places:
        if not directories.remove(view, owner, page, index, keep_root=True):
            return "tefBAD_LEDGER"
    root = context.account(source)
    if root is None:
        return "tefINTERNAL"
    context.pay(root, drops(channel, "Amount") - drops(channel, "Balance"))
    adjust_owner_count(root, -1)
    view.erase(index)
    return SUCCESS


CREATE = Transactor(
    preflight=_create_preflight,
    preclaim=_create_preclaim,
    apply=_create_apply,
    spends=lambda tx: int(tx.fields["Amount"]),
)
FUND = Transactor(
    preflight=_fund_preflight,
    preclaim=no_preclaim,
    apply=_fund_apply,
    spends=lambda tx: int(tx.fields["Amount"]),
)
CLAIM = Transactor(
    preflight=_claim_preflight,
    preclaim=no_preclaim,
    apply=_claim_apply,
    flags=_RENEW | _CLOSE,
)
