"""``watchtower authority``: by what right the tower signs, and what a thief of it could do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from watchtower.cli.bundle_import import import_bundle
from watchtower.cli.delegation import delegate, revoke
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import SignerUnreachableError
from watchtower.judgement.authority import authority_fault
from watchtower.judgement.delegation import CLAIMING
from watchtower.judgement.estate import Estate
from watchtower.keys.authority import WORTH, Authority, Right, right_of
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import KeyCard, Standing, Vault
from watchtower.settings import Settings
from watchtower.tower.noted_accounts import ACCOUNT_NOTE, recalled
from watchtower.units import Address
from watchtower.wiring import rights_of

__all__ = ["authority"]

_BY_KEYS: Final = (
    Right.DELEGATED,
    Right.SIGNER_LIST,
    Right.REGULAR_KEY,
    Right.MASTER_KEY,
)
"""The rights whose key a signer apart has, where there is one."""

_OF_SIGNER: Final = (
    "Of the tower alone: burn fees up to the signer's caps, use up sequences and tickets, leave "
    "out redeeming. Of the signer as well:"
)


_STATES: Final = {
    "taken": "the ledger takes it, as last seen",
    "not_permitted": "the account does not permit it: see `watchtower authority delegate`",
    "not_listed": "the account's signer list does not name the tower",
    "gone": "the account is not in the ledger",
    "master_disabled": "the ledger refuses it: the master key was disabled",
    "not_its_key": (
        "the ledger refuses it: it is neither the account's master nor its regular key"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """What there is to tell of one account.

    ``rights`` are those that the configuration gives it, in their order; ``standing`` what is
    there to sign by, allowed or not, and of one right the key that signs first; ``aside`` are the
    public keys that a rotation put aside, which sign nothing; ``estate`` is how the ledger last
    had it, None if nobody asked; ``own`` the tower's own account, which may be its delegate;
    ``is_apart`` whether its keys are with a signer apart, and not here; ``signer`` the tower's own
    account in signer lists, empty for none; ``unreachable`` is why that signer apart could not be
    asked what it signs, None where it was, or where there is none.
    """

    address: Address
    rights: Sequence[Right]
    standing: Sequence[Authority]
    aside: Collection[str | None]
    estate: Estate | None
    own: Address | None
    is_apart: bool
    signer: str
    unreachable: str | None


@click.group(cls=Listed)
def authority() -> None:
    """By what right the tower signs for each account."""


@authority.command(epilog=examples("watchtower authority show", "watchtower authority show --json"))
@json_option
def show(*, as_json: bool) -> None:
    """Show by what rights the tower can sign, in which order, and what a thief could do by them.

    Needs no network: whether the ledger would take a key is told by how the daemon last saw the
    account.
    """
    for account in run_async(_accounts(settings())):
        report = _report(account)
        tell(report, "\n".join(_lines(report)), as_json=as_json)


authority.add_command(delegate)
authority.add_command(revoke)
authority.add_command(import_bundle)


async def _accounts(loaded: Settings) -> list[_Account]:
    rights = rights_of(loaded)
    async with open_store(loaded) as store:
        cards = await Vault(store).cards()
        async with store.read() as work:
            signed_ahead = {(p.account, p.signing_key) for p in await work.bundles.load_all()}
            notes = {a: await work.notes.get(ACCOUNT_NOTE + a) for a in loaded.addresses}
    unreachable: str | None = None
    standing = _standing(cards, signed_ahead, loaded)
    try:
        standing += await _asked(loaded)
    except SignerUnreachableError as trouble:
        click.echo(str(trouble), err=True)
        unreachable = str(trouble.facts["why"])
    return [
        _Account(
            address=address,
            rights=rights[address],
            standing=[one for one in standing if one.account == address],
            aside={card.public_key for card in cards if card.standing is Standing.FORMER},
            estate=recalled(address, notes[address]),
            own=loaded.authority.own,
            is_apart=bool(loaded.keys.signer),
            signer=loaded.authority.signer,
            unreachable=unreachable,
        )
        for address in loaded.addresses
    ]


def _standing(
    cards: Iterable[KeyCard], signed_ahead: Iterable[tuple[Address, str]], loaded: Settings
) -> list[Authority]:
    """Return everything in the store by which somebody could sign, or submit."""
    in_token = {key.account for key in loaded.hsm.keys}
    # A key in the store does not step in for one in a token.
    cards = [card for card in cards if card.account not in in_token]
    bundles = [
        Authority(account=account, right=Right.PRESIGNED, public_key=key)
        for account, key in sorted(signed_ahead)
    ]
    by_own = _by_own([(card.account, card.public_key) for card in cards], loaded)
    by_token = [
        Authority(
            account=Address(key.account),
            right=Right.REGULAR_KEY if key.regular_key else Right.MASTER_KEY,
            public_key=None,
        )
        for key in loaded.hsm.keys
    ]
    return [*bundles, *by_own, *by_token, *(_authority(card) for card in cards)]


def _by_own(keys: Iterable[tuple[Address, str]], loaded: Settings) -> list[Authority]:
    """Return by what the tower's own accounts sign for payees, of the ``keys`` of all accounts."""
    authority = loaded.authority
    return [
        Authority(account=payee, right=right, public_key=public_key)
        for own, right in (
            (authority.own, Right.DELEGATED),
            (authority.signer, Right.SIGNER_LIST),
        )
        for account, public_key in keys
        if account == own
        for payee in sorted(loaded.payees)
    ]


def _authority(card: KeyCard) -> Authority:
    """Return by what a key could sign."""
    return Authority(
        account=card.account,
        right=right_of(card.account, card.public_key),
        public_key=card.public_key,
    )


async def _asked(loaded: Settings) -> list[Authority]:
    """Return by what a signer apart signs; nothing if there is none.

    Raises:
        SignerUnreachableError: it does not tell.
    """
    if not loaded.keys.signer:
        return []
    line = SignerLine(Path(loaded.keys.signer))
    try:
        held = await line.keys()
    finally:
        await line.close()
    by_keys = [
        Authority(account=account, right=right_of(account, key), public_key=key)
        for account, keys in held.items()
        for key in keys
    ]
    firsts = [(account, keys[0]) for account, keys in held.items()]
    return [*_by_own(firsts, loaded), *by_keys]


def _report(account: _Account) -> dict[str, Any]:
    by_right = {one.right: one for one in reversed(account.standing)}
    aside = {right for right, one in by_right.items() if one.public_key in account.aside}
    used = [right for right in account.rights if right in by_right and right not in aside]
    idle = [right for right in by_right if right not in used]
    missing = [right for right in account.rights if right not in by_right]
    # What a signer that does not answer would sign by is not known to be missing.
    unknown = [r for r in missing if account.unreachable is not None and _is_apart(r, account)]
    return {
        "account": account.address,
        "rights": [
            _report_of(by_right[right], account, account.own, number)
            for number, right in [*enumerate(used, start=1), *((None, right) for right in idle)]
        ],
        "not_set_up": [right.value for right in missing if right not in unknown],
        "signer_unreachable": account.unreachable,
        "not_told": [right.value for right in unknown],
    }


def _is_apart(right: Right, account: _Account) -> bool:
    """Return whether a signer apart may have the key of a right, by the configuration."""
    named = {Right.DELEGATED: account.own, Right.SIGNER_LIST: account.signer}
    return right in _BY_KEYS and bool(named.get(right, account.address))


def _report_of(
    one: Authority, account: _Account, own: Address | None, number: int | None
) -> dict[str, Any]:
    worth = WORTH[one.right]
    is_apart = account.is_apart and one.right in _BY_KEYS
    return {
        "right": one.right.value,
        "order": number,
        "public_key": one.public_key,
        "ledger": _ledger_says(one, account.estate, own, account.signer),
        "is_apart": is_apart,
        "is_aside": one.public_key is not None and one.public_key in account.aside,
        "thief": f"{_OF_SIGNER} {worth.thief}" if is_apart else worth.thief,
        "open": worth.open,
    }


def _ledger_says(
    one: Authority, estate: Estate | None, own: Address | None, signer: str
) -> str | None:
    """Return how the ledger would take it, as last seen; None where that is not known."""
    if estate is None or one.public_key is None:
        return None
    if one.right is Right.SIGNER_LIST:
        listed = () if estate.signers is None else estate.signers.signers
        return "taken" if signer in {account for account, _ in listed} else "not_listed"
    if one.right is Right.DELEGATED:
        permitted = None if own is None else estate.delegates.get(own)
        if permitted is None:
            return None
        return "taken" if CLAIMING in permitted.kinds else "not_permitted"
    fault = authority_fault(estate, one.public_key)
    return "taken" if fault is None else fault.value


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield report["account"]
    if report["signer_unreachable"] is not None:
        names = " or ".join(Right(name).words for name in report["not_told"]) or "nothing"
        yield f"  The signer apart could not be asked: {report['signer_unreachable']}."
        yield f"  By configuration it may sign for it by: {names}. Which keys it has is not known."
    elif not any(one["order"] for one in report["rights"]):
        yield "  Nothing may sign for it."
    for one in report["rights"]:
        right = Right(one["right"])
        number = f"{one['order']}." if one["order"] else "- "
        key = f" {one['public_key']}" if one["public_key"] else ""
        key += " with the signer apart" if one["is_apart"] else ""
        yield f"  {number} {right.words}{key}: {_state(one)}"
        yield f"     To a thief: {one['thief']}"
        yield f"     Open to: {one['open']}"
    if report["not_set_up"]:
        names = ", ".join(Right(name).words for name in report["not_set_up"])
        yield f"  Allowed, and not set up: {names}."


def _state(one: Mapping[str, Any]) -> str:
    if one["is_aside"]:
        return (
            "does not sign, for a rotation put it aside; worth stealing yet: remove it with "
            "`watchtower key retire --public-key`"
        )
    if one["order"] is None:
        if one["right"] == Right.MASTER_KEY:
            return "does not sign, for `authority.allow_master_key` is not set; worth stealing yet"
        return "does not sign, for the account's `rights` do not name it; worth stealing yet"
    if one["ledger"] is not None:
        return _STATES[one["ledger"]]
    if one["public_key"] is None:
        return "its key is in the token (`watchtower hsm check` has it sign)"
    return "whether the ledger takes it was not looked at yet (start the daemon once)"
