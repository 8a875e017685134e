"""Keys in a real token: made there, found there, and never believed."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from hashlib import sha512
from typing import Any

import pkcs11
import pytest
from coincurve import PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.signing import VerifyKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from xrpl.core.keypairs import derive_classic_address

from tests.keys.conftest import SECP256K1_ACCOUNT
from tests.softhsm import PIN, TOKEN, SoftHsm
from tests.store import make
from watchtower.errors import (
    HsmFailedError,
    HsmKeyExistsError,
    HsmKeyForeignError,
    HsmKeyMissingError,
    KeyMissingError,
    SigningRefusedError,
)
from watchtower.keys.authority import Right
from watchtower.keys.ec_point import SECP256K1
from watchtower.keys.hsm import Hsm
from watchtower.keys.hsm_keys import HsmKeys, KeyInHsm
from watchtower.keys.signer import Signer
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.events import Seat
from watchtower.response.transaction import claim_transaction
from watchtower.units import Address, Drops, LedgerIndex

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@pytest.fixture
async def hsm(softhsm: SoftHsm) -> AsyncIterator[Hsm]:
    """Give the token as the tower reaches it."""
    made = softhsm.hsm()
    yield made
    await made.close()


def _claim(account: Address) -> dict[str, Any]:
    return claim_transaction(
        account=account,
        claim=make.claim(1, 500),
        target=Drops(400),
        fee=Drops(12),
        seat=Seat(7),
        last_ledger=LedgerIndex(108),
        network_id=0,
    )


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(message=st.binary(min_size=1, max_size=400))
async def test_every_signature_of_a_token_is_one_that_the_ledger_takes(
    softhsm: SoftHsm, message: bytes
) -> None:
    """Low S and strict DER, of which the token knows nothing; verified by other libraries."""
    hsm = softhsm.hsm()
    for algorithm in Algorithm:
        try:
            key = await hsm.key(algorithm)
        except HsmKeyMissingError:
            key = await hsm.make_key(algorithm, algorithm)
        signature = await key.sign(message)
        public = bytes.fromhex(key.public_key)
        if algorithm is Algorithm.ED25519:
            VerifyKey(public[1:]).verify(message, signature)
            continue
        assert PublicKey(public).verify(signature, _half(message), hasher=None)
        s = signature[6 + signature[3] :]
        assert int.from_bytes(s) <= HALF_ORDER
        assert signature[:2] == bytes((0x30, len(signature) - 2))


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_a_key_is_made_so_that_it_never_leaves(
    softhsm: SoftHsm, hsm: Hsm, algorithm: Algorithm
) -> None:
    """Its card says so, and the token gives its secret to nobody, the user included."""
    made = (await hsm.make_key("made", algorithm)).card
    assert made.algorithm is algorithm
    assert made.never_leaves
    assert await hsm.keys() == [made]
    await hsm.close()
    with _session(softhsm) as session:
        [key] = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        assert key[Attribute.NEVER_EXTRACTABLE]
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]


async def test_a_key_is_found_again_by_its_label_and_not_made_twice(
    softhsm: SoftHsm, hsm: Hsm
) -> None:
    """Also by another process, and in a new session."""
    made = await hsm.make_key("one", Algorithm.SECP256K1)
    await hsm.close()
    found = await softhsm.hsm().key("one")
    assert found.public_key == made.public_key
    with pytest.raises(HsmKeyExistsError, match="has a key called one already"):
        await hsm.make_key("one", Algorithm.ED25519)
    assert [card.label for card in await hsm.keys()] == ["one"]


async def test_keys_that_cannot_be_used_are_said_with_the_reason(
    softhsm: SoftHsm, hsm: Hsm
) -> None:
    """None, two of a name, one of another curve, one that could leave."""
    with _session(softhsm) as session:
        _pair(session, "p256", curve=bytes.fromhex("06082a8648ce3d030107"))
        for _ in range(2):
            _pair(session, "twice")
        _pair(session, "loose", EXTRACTABLE=True)
    for label, why in (
        ("none", "there is none"),
        ("twice", "2 keys are called so"),
        ("p256", "of another curve"),
    ):
        with pytest.raises(HsmKeyMissingError, match=why):
            await hsm.key(label)
    loose = await hsm.key("loose")
    assert not loose.card.never_leaves
    assert {card.label for card in await hsm.keys()} == {"twice", "loose"}


async def test_a_key_that_was_replaced_under_its_label_signs_nothing_until_it_is_found_anew(
    softhsm: SoftHsm, hsm: Hsm
) -> None:
    """Its public half is known; another key's signature is not handed out."""
    key = await hsm.make_key("mine", Algorithm.SECP256K1)
    await hsm.close()
    with _session(softhsm) as session:
        for thing in list(session.get_objects({Attribute.LABEL: "mine"})):
            thing.destroy()
        _pair(session, "mine")
    with pytest.raises(HsmFailedError, match="not the key mine's"):
        await key.sign(b"message")


async def test_both_kinds_sign_claims_by_the_one_signer(hsm: Hsm, vault: Vault) -> None:
    """Permission is asked as ever; other accounts are signed for by the store."""
    for algorithm in Algorithm:
        key = await hsm.make_key(algorithm, algorithm)
        account = Address(derive_classic_address(key.public_key))
        keys = HsmKeys(hsm, [KeyInHsm(account=account, label=algorithm)], vault)
        signer = Signer(keys, [account, SECP256K1_ACCOUNT], Drops(100), right=Right.MASTER_KEY)
        signed = await signer.sign(_claim(account))
        assert key.public_key in signed.blob
        assert (await signer.sign(_claim(SECP256K1_ACCOUNT))).blob
        with pytest.raises(SigningRefusedError):
            await signer.sign({**_claim(account), "Flags": 0x00020000})
        with pytest.raises(KeyMissingError):
            await HsmKeys(hsm, [], None).key_of(account)


async def test_the_key_of_another_account_signs_only_if_it_is_called_its_regular_key(
    hsm: Hsm, vault: Vault
) -> None:
    """And the store's key, which would do, does not step in."""
    key = await hsm.make_key("other", Algorithm.ED25519)
    foreign = KeyInHsm(account=SECP256K1_ACCOUNT, label="other")
    with pytest.raises(HsmKeyForeignError, match=r"belongs to .* and not to rHb9"):
        await HsmKeys(hsm, [foreign], vault).key_of(SECP256K1_ACCOUNT)
    meant = KeyInHsm(account=SECP256K1_ACCOUNT, label="other", is_regular_key=True)
    keys = HsmKeys(hsm, [meant], vault)
    assert (await keys.key_of(SECP256K1_ACCOUNT)).public_key == key.public_key
    [card] = await keys.cards()
    assert card.is_regular_key
    assert card.public_key == key.public_key


def _half(message: bytes) -> bytes:
    return sha512(message).digest()[:32]


def _session(softhsm: SoftHsm) -> Any:
    """Whoever else uses the token, with its own tools."""
    library = pkcs11.lib(softhsm.module)
    return library.get_token(token_label=TOKEN).open(rw=True, user_pin=PIN)


def _pair(session: Any, label: str, *, curve: bytes = SECP256K1, **private: bool) -> None:
    domain = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
    domain.generate_keypair(
        label=label,
        id=secrets.token_bytes(8),
        store=True,
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute[name]: value for name, value in private.items()},
    )
