"""What a signer signs, form by form, and whose money each costs. Pure.

Three forms, each judged by itself, field by field:

- *by an account's own key*: what ``keys/permission.py`` allows for a payee, or a payer;
- *as a delegate* (``Delegate`` in the transaction, XLS-75): a claim that redeems, from a payee of
  the settings, with the account of the settings as its delegate. That account pays the fee (rippled
  STObject.cpp, getFeePayer), so it is the one whose day is charged;
- *as one of a signer list*: our part of a claim that redeems, for a payee of the settings or an
  account of ``cosign_for``, and of nothing else. The account itself pays, however many sign, so the
  cap of a transaction holds for all of its base fees together.

In each of them a claim counts only if the key that it names has signed it. What is above a cap is
told apart from what is never signed: another transaction of the account would fare no better, so
that nobody need ask for each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.keys.permission import Roles, why_not, why_not_delegated
from watchtower.keys.signer_messages import Refusal
from watchtower.signer.spending import Seat, seat_of
from watchtower.units import MAX_DROPS, Address, ChannelId, Drops

__all__ = ["Terms", "facts_of", "is_delegated", "names_of", "seat_in", "targets_of", "why_refused"]

_LONGEST_NAME: Final = 64
_NO_CAP: Final = Drops(MAX_DROPS)
"""Fees are held against the cap last, for what is above it is refused in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is signed, by the settings.

    Attributes:
        roles: whose claims are redeemed, and whose channels are closed.
        fee_cap: the most drops that one transaction may cost.
        most_tickets: how many tickets one may make.
        delegate: the account that sends claims in the name of payees; None without one.
        lister: the account that we are in signer lists; None if in none.
        cosign_for: accounts for which nothing but our part as ``lister`` is signed.
    """

    roles: Roles
    fee_cap: Drops
    most_tickets: int = 0
    delegate: Address | None = None
    lister: Address | None = None
    cosign_for: Collection[Address] = ()


def is_delegated(transaction: Mapping[str, Any], terms: Terms) -> bool:
    """Return whether a transaction is asked for as a delegate's.

    Without a delegate in the settings it is judged like any other, which has no such field.
    """
    return terms.delegate is not None and "Delegate" in transaction


def why_refused(
    transaction: Mapping[str, Any], terms: Terms, *, is_share: bool = False
) -> Refusal | None:
    """Return why a transaction is not signed, whatever was signed before; None if it may be.

    ``is_share`` asks for our part as one of a signer list.
    """
    why = _why_never(transaction, terms, is_share=is_share) or _bad_claim(transaction)
    if why is not None:
        return Refusal(kind="refused", why=why)
    fee = int(transaction["Fee"])
    if fee <= terms.fee_cap:
        return None
    why = f"the fee of {fee} drops is above the {terms.fee_cap} of `signer.fee_cap_drops`"
    return Refusal(kind="capped", why=why)


def seat_in(transaction: Mapping[str, Any], terms: Terms) -> Seat:
    """Return what a transaction of a form that is signed uses up, and who pays for it."""
    payer = terms.delegate if is_delegated(transaction, terms) else None
    return seat_of(transaction, payer=payer)


def _why_never(transaction: Mapping[str, Any], terms: Terms, *, is_share: bool) -> str | None:
    if is_share:
        return _why_no_share(transaction, terms)
    if terms.delegate is not None and "Delegate" in transaction:
        return why_not_delegated(transaction, terms.roles.payees, _NO_CAP, terms.delegate)
    account = transaction.get("Account")
    return why_not(
        transaction,
        terms.roles,
        _NO_CAP,
        most_tickets=terms.most_tickets,
        # See `Clerk`: a payer is taken for the source of what it asks to close.
        source=Address(account) if isinstance(account, str) else None,
    )


def _why_no_share(transaction: Mapping[str, Any], terms: Terms) -> str | None:
    if terms.lister is None:
        return "no account of `signer.list_signer` stands in any signer list"
    if transaction.get("TransactionType") != "PaymentChannelClaim":
        return "as one of a signer list it signs nothing but PaymentChannelClaim"
    # Without payers no close is signed; nobody else's key may be named, nor anybody's signature.
    payees = {*terms.roles.payees, *terms.cosign_for}
    return why_not(transaction, Roles(payees=payees), _NO_CAP)


def _bad_claim(transaction: Mapping[str, Any]) -> str | None:
    """Return why the ledger would not take the claim of a transaction; None if it would.

    Whether its key is the channel's cannot be told here. If it is not, the ledger refuses the
    transaction without taking a fee (temBAD_SIGNER, PaymentChannelClaim.cpp:120).
    """
    if "Signature" not in transaction:
        return None
    claim = Claim(
        channel=ChannelId(transaction["Channel"]),
        amount=Drops(int(transaction["Amount"])),
        public_key=transaction["PublicKey"],
        signature=transaction["Signature"],
    )
    verified = verify(claim)
    if isinstance(verified, Refused):
        return f"the claim is none: {verified.why.sentence}"
    return "the claim's signature is not in the ledger's own form" if verified.rescued else None


def facts_of(signed: Mapping[str, Any], terms: Terms, *, is_share: bool) -> dict[str, Any]:
    """Return what the journal keeps of a transaction that was signed; amounts in drops."""
    payer, _, name, number = seat_in(signed, terms)
    facts: dict[str, Any] = {
        **names_of(signed),
        name: number,
        "fee": int(signed["Fee"]),
        "last_ledger": signed["LastLedgerSequence"],
    }
    if is_share:
        facts["signed_as"] = terms.lister
    elif payer != signed["Account"]:
        facts["signed_as"] = facts["fee_payer"] = payer
    if "Amount" in signed:
        return {**facts, "claim": int(signed["Amount"]), "target": int(signed["Balance"])}
    if "TicketCount" in signed:
        return {**facts, "tickets": signed["TicketCount"]}
    return {**facts, "closes": True}


def names_of(transaction: Mapping[str, Any]) -> dict[str, str]:
    """Return whose transaction, and of which type, somebody sent; it may be anything."""
    return {
        "account": str(transaction.get("Account", ""))[:_LONGEST_NAME],
        "form": str(transaction.get("TransactionType", ""))[:_LONGEST_NAME],
    }


def targets_of(signed: Collection[Mapping[str, Any]]) -> dict[ChannelId, Drops]:
    """Return up to what each channel is redeemed, the highest if several times."""
    targets: dict[ChannelId, Drops] = {}
    for each in signed:
        if "Balance" in each:
            channel = ChannelId(each["Channel"])
            targets[channel] = max(Drops(int(each["Balance"])), targets.get(channel, Drops(0)))
    return targets
