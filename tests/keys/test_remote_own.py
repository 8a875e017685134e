"""What a signer apart signs as the tower's own account is believed as little as all the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.keys.test_remote_signer import claim_of, malicious
from watchtower.errors import (
    KeyMissingError,
    SignerCapError,
    SignerUnreachableError,
    SigningRefusedError,
)
from watchtower.keys.delegated import DelegatedHand
from watchtower.keys.multisign import to_multisign
from watchtower.keys.remote_own import RemoteKey, RemoteShare
from watchtower.keys.signed import codec_of
from watchtower.keys.signer_messages import (
    KeysRequest,
    Refusal,
    Request,
    SignAnswer,
    Signature,
    framed,
)
from watchtower.sandbox.people import Person
from watchtower.units import Address, Drops

OWN: Final = Person.named("the tower's own account with a signer")
PAYEE: Final = Address(Person.named("a payee of that tower").address)
ACCOUNT: Final = Address(OWN.address)

Sign = Callable[[dict[str, Any]], str]


def part(transaction: dict[str, Any], account: Address = ACCOUNT) -> str:
    """What one of several signers signs."""
    return OWN.sign(to_multisign(transaction, account))


def whole(transaction: dict[str, Any]) -> str:
    """What a transaction's only signer signs."""
    unsigned = {**transaction, "SigningPubKey": OWN.public_key}
    return OWN.sign(codec_of(unsigned).to_sign(unsigned))


FALSE_PARTS: Final[dict[str, Sign]] = {
    "a whole signature": whole,
    "a part in another one's place": lambda asked: part(asked, PAYEE),
    "a part of another transaction": lambda asked: part({**asked, "Fee": "13"}),
    "no signature": lambda _: "00",
    "no hexadecimal": lambda _: "é",
}
FALSE_WHOLES: Final[dict[str, Sign]] = {
    "a part": part,
    "without the delegate": lambda asked: whole(
        {name: value for name, value in asked.items() if name != "Delegate"}
    ),
    "another fee": lambda asked: whole({**asked, "Fee": "13"}),
}


class Answers:
    """Somebody at the signer's socket, who signs the first ``most`` in some way, and then why."""

    def __init__(self, sign: Sign, *, most: int = 64, refusal: Refusal | None = None) -> None:
        """Answer so."""
        self._sign = sign
        self._most = most
        self._refusal = refusal

    async def __call__(self, request: Request) -> bytes:
        """Answer one request."""
        assert not isinstance(request, KeysRequest)
        signed = tuple(
            Signature(public_key=OWN.public_key, signature=self._sign(dict(one)))
            for one in request.transactions[: self._most]
        )
        self._most = max(0, self._most - len(signed))
        return framed(SignAnswer(id=request.id, signatures=signed, refusal=self._refusal))


def claims(count: int = 1) -> list[dict[str, Any]]:
    """Claims of the payee's, each on a seat of its own."""
    return [claim_of(number, PAYEE) for number in range(1, 1 + count)]


def hand(key: RemoteKey) -> DelegatedHand:
    """The hand of a delegate whose key is apart."""
    return DelegatedHand(key, [PAYEE], Drops(100), delegate=ACCOUNT, stands=lambda _: True)


@pytest.mark.parametrize("sign", FALSE_PARTS.values(), ids=FALSE_PARTS)
async def test_what_is_no_part_of_ours_is_never_handed_on(tmp_path: Path, sign: Sign) -> None:
    """Others would take it for a fault of ours, or the ledger would refuse all of it."""
    async with malicious(tmp_path, Answers(sign)) as line:
        with pytest.raises(SignerUnreachableError, match="no signature of what"):
            await RemoteShare(ACCOUNT, line).sign(claims())


@pytest.mark.parametrize("sign", FALSE_WHOLES.values(), ids=FALSE_WHOLES)
async def test_what_the_delegate_did_not_sign_as_it_was_asked_is_not_sent(
    tmp_path: Path, sign: Sign
) -> None:
    """Field for field, the delegate among them."""
    async with malicious(tmp_path, Answers(sign)) as line:
        with pytest.raises(SignerUnreachableError, match="no signature of what"):
            await hand(RemoteKey(line, ACCOUNT)).sign(claims()[0])


async def test_parts_before_a_refusal_are_used_and_the_next_question_tells_why(
    tmp_path: Path,
) -> None:
    """Of a batch that a cap cuts off; whoever asks for the rest hears of the cap."""
    heard: list[tuple[Address, str]] = []

    class Care:
        def capped(self, account: Address, why: str) -> None:
            heard.append((account, why))

        def signed(self, account: Address) -> None:
            assert account == PAYEE

    cap = Refusal(kind="capped", why="the day is spent")
    async with malicious(tmp_path, Answers(part, most=2, refusal=cap)) as line:
        share = RemoteShare(ACCOUNT, line, care=Care())
        asked = claims(5)
        assert len(await share.sign(asked)) == 2
        with pytest.raises(SignerCapError, match="the day is spent"):
            await share.sign(asked[2:])
    assert heard == [(PAYEE, "the day is spent")]


async def test_what_is_missing_is_named_by_the_account_whose_key_it_is(tmp_path: Path) -> None:
    """Not by the payee's, whose key has no business here."""
    missing = Refusal(kind="key_missing", why="none")
    async with malicious(tmp_path, Answers(part, most=0, refusal=missing)) as line:
        with pytest.raises(KeyMissingError, match=ACCOUNT):
            await RemoteShare(ACCOUNT, line).sign(claims())
        with pytest.raises(KeyMissingError, match=ACCOUNT):
            await hand(RemoteKey(line, ACCOUNT)).sign(claims()[0])


async def test_what_is_no_claim_of_ours_is_not_even_asked_for(tmp_path: Path) -> None:
    """What stands before it is signed all the same."""
    async with malicious(tmp_path, Answers(whole)) as line:
        wanted = [*claims(3), {**claims()[0], "Flags": 0x00020000}]
        signing = hand(RemoteKey(line, ACCOUNT)).sign_each(wanted)
        for _ in range(3):
            assert (await anext(signing)).blob
        with pytest.raises(SigningRefusedError):
            await anext(signing)
