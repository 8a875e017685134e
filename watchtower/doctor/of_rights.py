"""Keys and authority: whether what we sign would be taken, for each account, now. Pure.

The verdicts are those of ``judgement/authority.py`` and ``judgement/delegation.py``, by which the
daemon chooses its hand; here each of them is told, with what mends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.judgement.authority import AuthorityFault, authority_fault
from watchtower.judgement.delegation import DelegationFault, delegation_fault
from watchtower.judgement.estate import Estate
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.keys.authority import Right, right_of
from watchtower.units import Address, Drops

__all__ = ["RightsFacts", "Stand", "Where", "of_rights"]

_REFUSED: Final = frozenset(
    {
        "tefBAD_AUTH",
        "tefBAD_AUTH_MASTER",
        "tefMASTER_DISABLED",
        "tefNOT_MULTI_SIGNING",
        "terNO_DELEGATE_PERMISSION",
        "tecNO_DELEGATE_PERMISSION",
        "terNO_ACCOUNT",
    }
)
"""Engine results that speak of who signs (rippled Transactor.cpp, checkSign, checkPermission)."""

_TAKEN: Final = frozenset({"tesSUCCESS", "tecNO_TARGET"})
"""What a claim on a channel that there is not comes to, once who signs it is taken: whoever signs
is looked at before the channel (rippled Transactor.cpp, preclaim, and PaymentChannelClaim.cpp)."""


class Where(StrEnum):
    """Where a key is that signs."""

    STORE = "in the store"
    TOKEN = "in the token"  # noqa: S105 - where, and not what
    SIGNER = "with the signer apart"
    AHEAD = "elsewhere, and has signed ahead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A right by which we could sign for an account.

    Attributes:
        account: for whom.
        right: by what right.
        public_key: the key that signs, in upper-case hex.
        where: where it is.
        trouble: why it does not sign, whatever the ledger says; None if it does, or nobody asked.
        tickets: of what was signed ahead: the tickets that it is on.
        is_aside: whether a rotation put the key aside, so that it signs nothing.
    """

    account: Address
    right: Right
    public_key: str
    where: Where
    trouble: str | None = None
    tickets: frozenset[int] = frozenset()
    is_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsFacts:
    """What is known of who may sign.

    Attributes:
        rights: the rights of each account, in their order, by configuration.
        stands: what is here to sign by.
        estates: accounts as the ledger has them, the tower's own ones too; what is not known is
            not there.
        is_live: whether they were read just now, and not as the daemon last saw them.
        delegate: the tower's own account, a delegate of payees.
        signer: the tower's own account in signer lists.
        rules: the rules of the network.
        least_fee: the base fee.
        simulated: by account and key, what a server said to a transaction that was not sent.
        is_unasked: whether there are keys that could not be asked for (no store, no token).
    """

    rights: Mapping[Address, Sequence[Right]]
    stands: Sequence[Stand]
    estates: Mapping[Address, Estate]
    is_live: bool
    delegate: Address | None = None
    signer: Address | None = None
    rules: ChannelRules = STRICT
    least_fee: Drops = Drops(10)
    simulated: Mapping[tuple[Address, str], str] = field(default_factory=dict)
    is_unasked: bool = False


def of_rights(facts: RightsFacts) -> Iterator[Finding]:
    """Yield what there is to say of every account's rights."""
    for account, rights in facts.rights.items():
        yield from _account(account, rights, facts)


def _account(account: Address, rights: Sequence[Right], facts: RightsFacts) -> Iterator[Finding]:
    estate = facts.estates.get(account)
    if estate is not None and estate.is_missing:
        yield of_trouble(
            "authority.account",
            f"{account} is not in the ledger: nobody has paid it its reserve yet, or it was "
            "deleted.",
            account,
        )
        return
    if estate is not None:
        yield ok("authority.account", f"{account} is in the ledger.", account)
    of_account = [stand for stand in facts.stands if stand.account == account]
    used = [one for one in of_account if one.right in rights and not one.is_aside]
    used.sort(key=lambda one: rights.index(one.right))
    faults = [_fault(one, facts) for one in used]
    works = any(
        fault is None and one.trouble is None for one, fault in zip(used, faults, strict=True)
    )
    for one, fault in zip(used, faults, strict=True):
        yield _of_stand(one, fault, facts, works=works)
        yield from _signs(one, works=works)
        yield from _simulated(one, facts)
    for one in of_account:
        if one not in used:
            yield _idle(one)
    if not used and not facts.is_unasked:
        yield _nothing(account, rights, of_account)


def _of_stand(one: Stand, fault: str | None, facts: RightsFacts, *, works: bool) -> Finding:
    said = f"{one.account}: {one.right.words} by {one.public_key} {one.where.value}"
    if fault is not None:
        return Finding(
            check="authority.right",
            level=Level.WARNING if works else Level.FAILURE,
            subject=one.account,
            sentence=f"{said}: {fault}.",
            mend=_mend(one, facts),
        )
    if facts.estates.get(one.account) is None:
        return Finding(
            check="authority.right",
            level=Level.NOTICE,
            subject=one.account,
            sentence=f"{said}: whether the ledger takes it was not looked at.",
        )
    when = "now" if facts.is_live else "as the daemon last saw it"
    return ok("authority.right", f"{said}: the ledger takes it, {when}.", one.account)


def _fault(one: Stand, facts: RightsFacts) -> str | None:
    """Return why the ledger would not take what is signed so, as part of a sentence."""
    estate = facts.estates.get(one.account)
    match one.right:
        case Right.PRESIGNED:
            return _fault_ahead(one, estate)
        case Right.DELEGATED:
            return _fault_delegated(one, estate, facts)
        case Right.SIGNER_LIST:
            return _fault_listed(one, estate, facts)
        case Right.REGULAR_KEY | Right.MASTER_KEY:
            return _fault_of_key(estate, one.public_key)


def _fault_of_key(estate: Estate | None, public_key: str) -> str | None:
    fault = authority_fault(estate, public_key)
    if fault is None:
        return None
    named = None if estate is None or estate.entry is None else estate.entry.regular_key
    if fault is AuthorityFault.NOT_ITS_KEY and named is not None:
        return f"{fault.sentence}, which is that of {named} now"
    return fault.sentence


def _fault_ahead(one: Stand, estate: Estate | None) -> str | None:
    if fault := _fault_of_key(estate, one.public_key):
        return f"what was signed ahead is void, for of the key that signed it {fault}"
    if estate is None or estate.ticket_book.listed_at is None or not one.tickets:
        return None
    gone = [number for number in one.tickets if estate.ticket_book.is_gone(number)]
    if len(gone) == len(one.tickets):
        return "all tickets of what was signed ahead are gone"
    return None


def _fault_delegated(one: Stand, estate: Estate | None, facts: RightsFacts) -> str | None:
    if facts.delegate is None or estate is None:
        return None
    tower = facts.estates.get(facts.delegate)
    fault = delegation_fault(
        estate,
        tower,
        delegate=facts.delegate,
        rules=facts.rules,
        least_fee=facts.least_fee,
    )
    if fault is not None and fault is not DelegationFault.UNKNOWN:
        return fault.sentence
    return _fault_of_key(tower, one.public_key)


def _fault_listed(one: Stand, estate: Estate | None, facts: RightsFacts) -> str | None:
    if estate is None or estate.signers_at is None or facts.signer is None:
        return None
    listed = () if estate.signers is None else estate.signers.signers
    if facts.signer not in {account for account, _ in listed}:
        return f"the account's signer list does not name {facts.signer}"
    signer = facts.estates.get(facts.signer)
    if (
        signer is not None
        and signer.is_missing
        and right_of(facts.signer, one.public_key) is Right.MASTER_KEY
    ):
        # A signer need not be in the ledger (rippled Transactor.cpp, checkMultiSign).
        return None
    return _fault_of_key(signer, one.public_key)


def _mend(one: Stand, facts: RightsFacts) -> str | None:
    account = one.account
    match one.right:
        case Right.DELEGATED:
            return f"watchtower authority delegate --account {account} --write grant.json"
        case Right.PRESIGNED:
            return f"watchtower presign request --account {account}"
        case Right.SIGNER_LIST:
            return None
        case Right.REGULAR_KEY | Right.MASTER_KEY:
            estate = facts.estates.get(one.account)
            named = None if estate is None or estate.entry is None else estate.entry.regular_key
            if one.where is Where.TOKEN:
                return "watchtower hsm list"
            if named is None:
                return f"watchtower key rotate --account {account} --fresh --write rotate.json"
            return f"watchtower key import --account {account} --regular-key"


def _signs(one: Stand, *, works: bool) -> Iterator[Finding]:
    if one.trouble is not None:
        yield Finding(
            check="authority.signs",
            level=Level.WARNING if works else Level.FAILURE,
            subject=one.account,
            sentence=f"The key {one.public_key} {one.where.value} does not sign: {one.trouble}",
            mend="watchtower hsm check" if one.where is Where.TOKEN else "watchtower store verify",
        )
    elif one.where in {Where.STORE, Where.TOKEN}:
        yield ok(
            "authority.signs", f"The key {one.public_key} {one.where.value} signs.", one.account
        )


def _simulated(one: Stand, facts: RightsFacts) -> Iterator[Finding]:
    result = facts.simulated.get((one.account, one.public_key))
    if result is None:
        return
    if result in _TAKEN:
        sentence = f"A server would take what {one.public_key} signs for {one.account}."
        yield ok("authority.simulated", sentence, one.account)
        return
    yield Finding(
        check="authority.simulated",
        level=Level.FAILURE if result in _REFUSED else Level.NOTICE,
        subject=one.account,
        sentence=f"To a transaction as {one.public_key} would sign it for {one.account}, a server "
        f"says {result}.",
    )


def _idle(one: Stand) -> Finding:
    if one.is_aside:
        why = "a rotation put it aside, and it is worth stealing yet"
        mend = f"watchtower key retire --public-key {one.public_key}"
    elif one.right is Right.MASTER_KEY:
        why = "it is the master key, and `authority.allow_master_key` is not set; worth stealing"
        mend = None
    else:
        why = f"the account's `rights` do not name {one.right.value}; it is worth stealing"
        mend = None
    return Finding(
        check="authority.idle",
        level=Level.NOTICE,
        subject=one.account,
        sentence=f"{one.account}: {one.public_key} {one.where.value} signs nothing: {why}.",
        mend=mend,
    )


def _nothing(account: Address, rights: Sequence[Right], idle: Sequence[Stand]) -> Finding:
    by_key = Right.REGULAR_KEY in rights
    flag = " --regular-key" if by_key else ""
    keys = by_key or Right.MASTER_KEY in rights
    aside = ", besides a key that may not" if idle else ""
    return Finding(
        check="authority.right",
        level=Level.FAILURE,
        subject=account,
        sentence=f"Nothing can sign for {account}{aside}: what is owed to it could not be "
        "redeemed.",
        mend=f"watchtower key import --account {account}{flag}"
        if keys
        else "watchtower authority show",
    )
