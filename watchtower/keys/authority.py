"""By what right we sign for an account, and what each right is worth to who steals it.

The rights are declared in the order in which they are preferred: the less a thief of the tower can
do with one, the sooner it is used. What each is worth to a thief is said here once, in words;
``watchtower authority show`` prints them, and docs/security.md has them as a table that a test
holds equal. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from xrpl.core.keypairs import derive_classic_address

from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningError
from watchtower.units import Address

__all__ = ["WORTH", "Authority", "Right", "Worth", "right_of", "why_no_key"]


class Right(StrEnum):
    """By what right a transaction of an account is signed, the least dangerous first.

    Values stand in settings and journals: never rename or reuse one.
    """

    PRESIGNED = "presigned"  # transactions that the payee's own machine signed ahead, on tickets
    DELEGATED = "delegated"  # the tower's own account, by DelegateSet (XLS-75)
    SIGNER_LIST = "signer_list"  # one of several signers, of which enough have to sign together
    REGULAR_KEY = "regular_key"  # the key that SetRegularKey named
    MASTER_KEY = "master_key"  # the key of the account's own address

    @property
    def words(self) -> str:
        """The right in words."""
        return _WORDS[self]


_WORDS: Final = {
    Right.PRESIGNED: "pre-signed transactions",
    Right.DELEGATED: "delegated permission",
    Right.SIGNER_LIST: "one of a signer list",
    Right.REGULAR_KEY: "regular key",
    Right.MASTER_KEY: "master key",
}


class Worth(NamedTuple):
    """What a right is worth, each a sentence.

    Attributes:
        thief: the most that who steals it can do with it alone.
        open: what it does not protect from.
        needs: what has to be there for it to redeem.
    """

    thief: str
    open: str
    needs: str


WORTH: Final[Mapping[Right, Worth]] = {
    Right.PRESIGNED: Worth(
        # LEDGER: an older claim on the same ticket applies and uses it up; nobody else is paid.
        thief="Send one of them too early or an older one first, and so burn a ticket; "
        "it can pay nobody but the payee.",
        open="A ticket that the owner or a thief burnt, a key of the account that was changed "
        "or disabled, a fee above the highest that was signed, a claim newer than the last "
        "bundle.",
        needs="Tickets of the account, and a new bundle for each better claim.",
    ),
    Right.DELEGATED: Worth(
        # PaymentChannelClaim is delegated as a whole: rippled has no finer permission for it
        # (transactions.macro), so that closing and paying out go with claiming.
        thief="Close the channels that pay the account at once, giving what is unclaimed back "
        "to the payers; claim less than the best claim; pay out the channels that the account "
        "itself funds, to whom they pay; use up its sequences and tickets; spend the XRP of the "
        "tower's own account.",
        open="A full ledger dearer than the fee money of the tower's account, for it is never "
        "queued; the account's owner taking the permission back.",
        needs="The amendment PermissionDelegationV1_1, a DelegateSet by the account that names "
        "PaymentChannelClaim, and XRP for fees on the tower's own account.",
    ),
    Right.SIGNER_LIST: Worth(
        # Fewer signatures than the quorum are tefBAD_QUORUM.
        thief="Nothing alone; with as many other signers as the quorum needs, everything that "
        "the account can do.",
        open="So many signers out of reach that the quorum is missed; a signer that refuses; "
        "a signer list that was changed.",
        needs="A signer list that names a key of the tower, enough other signers that answer, "
        "and a base fee for each signature besides the transaction's own.",
    ),
    Right.REGULAR_KEY: Worth(
        # AccountSet that disables the master key needs that very key: tecNEED_MASTER_KEY.
        thief="Everything that the account can do, but for disabling its master key: take all its "
        "XRP, change its signer list, name another regular key.",
        open="The theft of the machine while it runs, or, where the key is in the store, of its "
        "file together with the passphrase, until the owner names another regular key with the "
        "master key; for ever, where that was disabled.",
        needs="A SetRegularKey by the account, and the key: in the store, in a token, or with a "
        "signer apart.",
    ),
    Right.MASTER_KEY: Worth(
        thief="Everything, for ever: the key of an address cannot be changed, and who has it "
        "can take back every other right.",
        open="The theft of the machine while it runs, or, where the key is in the store, of its "
        "file together with the passphrase; nobody but who holds the key can shut the thief out.",
        needs="The key, in the store, in a token, or with a signer apart, and "
        "`allow_master_key = true` under `[authority]`.",
    ),
}
"""What each right is worth; `Right` declares their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A right by which we may sign for ``account``.

    ``public_key`` is the key that signs, in upper-case hex; None where none of ours does.
    """

    account: Address
    right: Right
    public_key: str | None = None


@lru_cache(maxsize=4096)
def right_of(account: Address, public_key: str) -> Right:
    """Return by what right ``public_key`` signs for ``account``, if the ledger takes it at all.

    It is the master key whose own address is the account (rippled Transactor.cpp,
    checkSingleSign); told by the key itself, not by what somebody called it when it came in.
    """
    address = derive_classic_address(public_key)
    return Right.MASTER_KEY if address == account else Right.REGULAR_KEY


def why_no_key(account: Address, keys: Iterable[str]) -> SigningError:
    """Return why none of ``keys``, in upper-case hex, signs for ``account`` by the right wanted."""
    if any(right_of(account, key) is Right.MASTER_KEY for key in keys):
        return MasterKeyIdleError(account=account)
    return KeyMissingError(account=account)
