"""By what rights the tower may sign for accounts, as the operator says it: ``[authority]``.

What it guarantees: a master key signs only where that is said in so many words, whatever list names
it; and a list that could not mean what it says is refused at the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from watchtower.cosigner_settings import CosigningSettings

__all__ = ["AuthoritySettings", "RightName"]

RightName = Literal["presigned", "delegated", "signer_list", "regular_key", "master_key"]

_MASTER: Final = "master_key"


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
