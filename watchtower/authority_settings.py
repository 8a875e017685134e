"""By what rights the tower may sign for accounts, as the operator says it: ``[authority]``.

What it guarantees: a master key signs only where that is said in so many words, whatever list names
it; and a list that could not mean what it says is refused at the start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from watchtower.cosigner_settings import CosigningSettings
from watchtower.units import Address, parse_address

__all__ = ["AuthoritySettings", "DelegateSettings", "RightName"]

RightName = Literal["presigned", "delegated", "signer_list", "regular_key", "master_key"]

_MASTER: Final = "master_key"


class DelegateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The tower's own account, which sends claims in the name of payees that permit it.

    ``least_money_drops`` is what it should have above its reserve, for the fees of all of them.
    """

    account: str = ""
    least_money_drops: Annotated[int, Meta(ge=0, le=100_000_000_000_000_000)] = 5_000_000

    def why_unusable(self, accounts: Collection[str], fee_cap: int) -> str | None:
        """Return why these settings cannot be used beside ``accounts`` that are guarded.

        None if they can.

        Raises:
            AddressError: the account's address has a bad form or checksum.
        """
        if not self.account:
            return None
        if parse_address(self.account) in accounts:
            return (
                f"`authority.delegate.account` is {self.account}, which is guarded itself; the "
                "tower needs an account of its own, with nothing on it but XRP for fees"
            )
        if self.least_money_drops < fee_cap:
            return (
                "`authority.delegate.least_money_drops` must not be below `fees.cap_drops`, what "
                "one attempt may cost"
            )
        return None


class AuthoritySettings(CosigningSettings, frozen=True, forbid_unknown_fields=True):
    """Which rights are used for accounts, in which order; beside what one of them needs.

    ``master_key`` in the list is passed over unless ``allow_master_key`` is set.
    """

    rights: tuple[RightName, ...] = (
        "presigned",
        "delegated",
        "signer_list",
        "regular_key",
        "master_key",
    )
    allow_master_key: bool = False
    delegate: DelegateSettings = DelegateSettings()

    @property
    def own(self) -> Address | None:
        """The tower's own account, which sends claims in the name of others; None without one."""
        return Address(self.delegate.account) or None

    def of(self, own: Sequence[RightName] | None) -> tuple[RightName, ...]:
        """Return the rights that are used for an account with ``own`` ones, in their order."""
        wanted = self.rights if own is None else own
        return tuple(right for right in wanted if right != _MASTER or self.allow_master_key)

    def why_unusable(self, own: Iterable[Sequence[RightName] | None]) -> str | None:
        """Return why these settings, and the lists that accounts have of their ``own``, are none.

        None if they can be used.
        """
        lists = [self.rights, *(rights for rights in own if rights is not None)]
        for rights in lists:
            if not rights:
                return "a list of `rights` is empty, so that nothing could ever be redeemed by it"
            if len(set(rights)) != len(rights):
                return "a list of `rights` names the same one twice"
        if self.allow_master_key and not any(_MASTER in rights for rights in lists):
            return (
                "`authority.allow_master_key` is set, and no list of `rights` names master_key; "
                "take one of them back"
            )
        return None
