"""Asking those who hold keys elsewhere: a token, and a signer apart.

A token's PIN is given once: whatever comes of it, the token is not asked again by this process, and
one that a wrong PIN would lock is left alone (``keys/cryptoki.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from watchtower.doctor.finding import Finding, of_trouble, ok
from watchtower.doctor.look_at_store import Inside
from watchtower.doctor.of_rights import Stand, Where
from watchtower.errors import HsmError, SignerUnreachableError, WatchtowerError
from watchtower.hsm_access import hsm_keys_of
from watchtower.keys.authority import Right, right_of
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Standing
from watchtower.settings import Settings
from watchtower.units import Address

if TYPE_CHECKING:
    from watchtower.keys.hsm import Hsm

__all__ = ["of_held", "of_signer", "of_store", "of_token"]

_Held = tuple[Address, str, Where, str | None, bool]


def of_store(inside: Inside, loaded: Settings) -> list[_Held]:
    """Return the keys of the store; a token's key comes before one of the same account."""
    in_token = {key.account for key in loaded.hsm.keys}
    return [
        (card.account, card.public_key, Where.STORE, why, card.standing is Standing.FORMER)
        for card, why in inside.cards
        if card.account not in in_token and card.standing is not Standing.NEXT
    ]


async def of_token(hsm: Hsm, loaded: Settings) -> tuple[list[Finding], list[_Held]]:
    """Return what there is to say of the token, and the keys that sign in it."""
    findings: list[Finding] = []
    held: list[_Held] = []
    keys = hsm_keys_of(hsm, loaded.hsm)
    try:
        there = {card.label: card for card in await hsm.keys()}
        findings.append(
            ok("authority.token", f"The token {hsm.token} opens, and has {len(there)} keys.")
        )
        for account in keys.accounts:
            try:
                held.append((account, await keys.prove(account), Where.TOKEN, None, False))
            except (HsmError, WatchtowerError) as trouble:
                findings.append(
                    of_trouble("authority.token", trouble, account, "watchtower hsm list")
                )
    except (HsmError, WatchtowerError) as trouble:
        findings.append(of_trouble("authority.token", trouble, hsm.token, "watchtower hsm check"))
    return findings, held


async def of_signer(loaded: Settings) -> tuple[list[Finding], list[_Held]]:
    """Return whether the signer apart answers, and the keys that it says it signs with."""
    line = SignerLine(Path(loaded.keys.signer))
    try:
        told: Mapping[Address, tuple[str, ...]] = await line.keys()
    except SignerUnreachableError as trouble:
        mend = "systemctl restart watchtower-signer"
        return [of_trouble("authority.signer", trouble, loaded.keys.signer, mend)], []
    finally:
        await line.close()
    count = sum(map(len, told.values()))
    findings = [
        ok(
            "authority.signer",
            f"The signer at {loaded.keys.signer} signs with {count} keys. Nothing is signed to "
            "try it, for it counts and writes down whatever it signs.",
            loaded.keys.signer,
        )
    ]
    # Of two the first signs; the other takes its place by a rotation that is under way.
    return findings, [
        (account, keys[0], Where.SIGNER, None, False) for account, keys in told.items()
    ]


def of_held(held: Iterable[_Held], loaded: Settings) -> Iterator[Stand]:
    """Yield by what rights these keys sign, for whom."""
    authority = loaded.authority
    own = ((authority.own, Right.DELEGATED), (Address(authority.signer), Right.SIGNER_LIST))
    for account, public_key, where, trouble, is_aside in held:
        rights = [(payee, right) for by, right in own if by == account for payee in loaded.payees]
        if account in loaded.roles:
            rights.append((account, right_of(account, public_key)))
        for whom, right in sorted(rights):
            yield Stand(
                account=whom,
                right=right,
                public_key=public_key,
                where=where,
                trouble=trouble,
                is_aside=is_aside,
            )
