"""A thief at the socket of a signer that signs for others: as a delegate, and in signer lists.

The ledger would take more of both than is ever asked for: a delegate may close what pays the
payee, and pay out what the payee funds, without a claim; and a signer's part counts towards
whatever the list is asked to sign, a ``SignerListSet`` too. At the socket of the real process there
is none of it to be had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.attacks.test_stolen_signer_socket import CLAIMED, Stolen, redeem, without
from tests.signer.process import SignerProcess
from watchtower.keys.multisign import Cosignature, to_multisign, verified
from watchtower.keys.signed import with_signature
from watchtower.sandbox.family_seed import keys_of
from watchtower.sandbox.people import Person
from watchtower.units import Address

PAYEE, FRIEND, DELEGATE, LISTER, THIEF = (
    Person.named(f"{who} beside a stolen socket") for who in ("a", "b", "c", "d", "e")
)
CAP: Final = 5_000
DAY: Final = 20_000
TF_CLOSE: Final = 0x00020000
TF_RENEW: Final = 0x00010000


@pytest.fixture
async def signer(tmp_path: Path) -> AsyncIterator[SignerProcess]:
    """A signer without any key of a payee: it is a delegate, and one of several signers."""
    made = await SignerProcess.make(
        tmp_path / "signer",
        own=(DELEGATE, LISTER),
        payees=[PAYEE.address],
        delegate=DELEGATE.address,
        list_signer=LISTER.address,
        cosign_for=[FRIEND.address],
        fee_cap_drops=CAP,
        daily_cap_drops=DAY,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.kill()


@pytest.fixture
async def stolen(signer: SignerProcess) -> AsyncIterator[Stolen]:
    """The thief's connection."""
    made = await Stolen.at(signer)
    yield made
    made.close()


def own(account: Person = PAYEE, **changes: Any) -> dict[str, Any]:
    """A claim for a payee."""
    return {**redeem(), "Account": account.address, **changes}


def delegated(account: Person = PAYEE, **changes: Any) -> dict[str, Any]:
    """The same, sent by the delegate."""
    return own(account, **{"Delegate": DELEGATE.address, **changes})


COMMON: Final = without(own(), "Channel", "TransactionType", *CLAIMED)
AS_DELEGATE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "a delegated payment": (
        {
            **COMMON,
            "TransactionType": "Payment",
            "Destination": THIEF.address,
            "Amount": "1000000",
            "Delegate": DELEGATE.address,
        },
        "as a delegate it signs nothing but PaymentChannelClaim",
    ),
    "another delegate": (delegated(Delegate=THIEF.address), "does not name the tower's own"),
    "the other account of the signer": (
        delegated(Delegate=LISTER.address),
        "does not name the tower's own",
    ),
    "no delegate at all": (delegated(Delegate=""), "does not name the tower's own"),
    "a number for a delegate": (delegated(Delegate=1), "does not name the tower's own"),
    "for another payee": (delegated(THIEF), "not from an account in the configuration"),
    "for who is only co-signed for": (delegated(FRIEND), "not from an account"),
    "for itself": (delegated(DELEGATE), "nobody is a delegate of its own"),
    "a close": (
        {**without(delegated(), *CLAIMED), "Flags": TF_CLOSE},
        "tfClose is never signed for a payee",
    ),
    "a claim that closes": (delegated(Flags=TF_CLOSE), "tfClose is never signed"),
    "a renewal": (delegated(Flags=TF_RENEW), "has flags"),
    "a payment out of the payee's channel": (
        without(delegated(), "Signature", "PublicKey"),
        "has no PublicKey, Signature",
    ),
    "tickets of the payee": (
        {
            **COMMON,
            "TransactionType": "TicketCreate",
            "TicketCount": 1,
            "Delegate": DELEGATE.address,
        },
        "as a delegate it signs nothing but",
    ),
    "a claim that nobody signed": (delegated(Amount="501"), "its key did not sign this amount"),
    "a memo": (delegated(MemoData="00"), "does not sign the field MemoData"),
    "its own claim": (own(DELEGATE), "not from an account in the configuration"),
}
AS_SIGNER: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "another signer list": (
        {**COMMON, "TransactionType": "SignerListSet", "SignerQuorum": 1},
        "as one of a signer list it signs nothing but PaymentChannelClaim",
    ),
    "a payment": (
        {
            **COMMON,
            "TransactionType": "Payment",
            "Destination": THIEF.address,
            "Amount": "1000000",
        },
        "as one of a signer list it signs nothing but",
    ),
    "another regular key": (
        {**COMMON, "TransactionType": "SetRegularKey", "RegularKey": THIEF.address},
        "as one of a signer list it signs nothing but",
    ),
    "tickets": (
        {**COMMON, "TransactionType": "TicketCreate", "TicketCount": 1},
        "as one of a signer list it signs nothing but",
    ),
    "a close": (
        {**without(own(), *CLAIMED), "Flags": TF_CLOSE},
        "tfClose is never signed for a payee",
    ),
    "for an account of nobody": (own(THIEF), "not from an account in the configuration"),
    "for the signer itself": (own(LISTER), "not from an account in the configuration"),
    "for the delegate": (own(DELEGATE), "not from an account in the configuration"),
    "of a delegated claim": (delegated(), "does not sign the field Delegate"),
    "a signature of its own": (own(SigningPubKey=""), "does not sign the field SigningPubKey"),
    "a claim that nobody signed": (own(Amount="501"), "its key did not sign this amount"),
    "out of the payee's channel": (without(own(), "Signature", "PublicKey"), "has no PublicKey"),
}


@pytest.mark.parametrize(
    ("kind", "wishes", "honest"),
    [("sign", AS_DELEGATE, delegated()), ("share", AS_SIGNER, own(FRIEND))],
    ids=["as a delegate", "as one of a signer list"],
)
async def test_what_a_thief_wants_signed_for_others_is_refused(
    signer: SignerProcess,
    stolen: Stolen,
    kind: str,
    wishes: dict[str, tuple[dict[str, Any], str]],
    honest: dict[str, Any],
) -> None:
    """With nothing signed, also not what comes behind it; the next honest one is."""
    for name, (wanted, why) in wishes.items():
        answer = await stolen.ask(wanted, honest, kind=kind)
        assert answer.signatures == (), name
        assert answer.refusal is not None, name
        assert answer.refusal.kind == "refused", name
        assert why in answer.refusal.why, (name, answer.refusal.why)
        assert len((await stolen.ask(honest, kind=kind)).signatures) == 1, name
    refused = [e.facts for e in await signer.journal() if e.kind == "signing_refused"]
    assert len(refused) == len(wishes)


async def test_each_form_is_signed_by_its_own_key_and_is_good_for_nothing_else(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """A part in a signer list is no signature of the account, nor the delegate's of the payee's."""
    (as_delegate,) = (await stolen.ask(delegated())).signatures
    assert as_delegate.public_key == DELEGATE.public_key
    signed = {"public_key": as_delegate.public_key, "signature": as_delegate.signature}
    assert with_signature(delegated(), **signed) is not None
    assert with_signature(own(), **signed) is None

    for account in (PAYEE, FRIEND):
        (part,) = (await stolen.ask(own(account), kind="share")).signatures
        assert part.public_key == LISTER.public_key
        mine = Cosignature(
            account=Address(LISTER.address),
            public_key=part.public_key,
            signature=part.signature,
        )
        assert verified(own(account), mine) == mine
        assert to_multisign(own(account), mine.account).startswith(b"SMT\0")
        signed = {"public_key": part.public_key, "signature": part.signature}
        assert with_signature(own(account), **signed) is None

    # No key of the payees is here, and none of the others signs in its place.
    answer = await stolen.ask(own())
    assert answer.signatures == ()
    assert answer.refusal is not None
    assert answer.refusal.kind == "key_missing"
    kinds = [e.facts.get("signed_as") for e in await signer.journal() if e.kind == "signed"]
    assert kinds == [DELEGATE.address, LISTER.address, LISTER.address]


async def test_the_delegates_money_is_capped_over_all_payees_and_restarts(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """It pays for all of them; what is signed as one of several is charged to whom it costs."""
    for number in range(DAY // CAP):
        answer = await stolen.ask(delegated(Sequence=1 + number, Fee=str(CAP)))
        assert len(answer.signatures) == 1
    await signer.kill()
    await signer.start()
    again = await Stolen.at(signer)
    more = await again.ask(delegated(Sequence=500, Fee="10"))
    assert more.signatures == ()
    assert more.refusal is not None
    assert more.refusal.kind == "capped"
    assert DELEGATE.address in more.refusal.why
    assert "`signer.daily_cap_drops`" in more.refusal.why
    # The payee's own day is as it was.
    for number in range(DAY // CAP):
        fee = str(CAP)
        assert (await again.ask(own(Sequence=1 + number, Fee=fee), kind="share")).signatures
    late = await again.ask(own(Sequence=500, Fee="30"), kind="share")
    assert late.refusal is not None
    assert late.refusal.kind == "capped"
    assert PAYEE.address in late.refusal.why
    assert (await again.ask(own(FRIEND, Sequence=500, Fee="30"), kind="share")).signatures
    dear = await again.ask(own(FRIEND, Fee=str(CAP + 1)), kind="share")
    assert dear.refusal is not None
    assert "`signer.fee_cap_drops`" in dear.refusal.why
    again.close()


async def test_no_secret_of_the_signers_accounts_is_told(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """Neither to who asks, nor in the log, nor in the journal."""
    told = [await stolen.ask(delegated()), await stolen.ask(own(), kind="share")]
    await signer.stop()
    text = repr(told) + repr(signer.events) + repr(await signer.journal())
    for person in (DELEGATE, LISTER):
        _, secret = keys_of(person.seed)
        assert person.seed not in text
        assert secret.hex() not in text.lower()
