"""People: the same keys and the same bytes as the field's own library makes."""

from __future__ import annotations

import hashlib

import pytest
from xrpl.constants import CryptoAlgorithm
from xrpl.core import keypairs
from xrpl.wallet import Wallet

from watchtower.errors import RequestRefusedError, UnreachableError
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox
from watchtower.units import ChannelId, Drops


@pytest.mark.parametrize("ed25519", [False, True])
def test_a_name_gives_the_keys_that_the_recordings_people_have(*, ed25519: bool) -> None:
    """SHA-256 of the name, its first 16 bytes as seed entropy, for both kinds of key."""
    algorithm = CryptoAlgorithm.ED25519 if ed25519 else CryptoAlgorithm.SECP256K1
    entropy = hashlib.sha256(b"person 0").hexdigest()[:32]
    wallet = Wallet.from_entropy(entropy, algorithm=algorithm)

    person = Person.named("person 0", ed25519=ed25519)

    assert (person.address, person.public_key, person.seed) == (
        wallet.address,
        wallet.public_key,
        wallet.seed,
    )


@pytest.mark.parametrize("ed25519", [False, True])
def test_signatures_are_the_librarys_byte_for_byte(*, ed25519: bool) -> None:
    """Both are deterministic, so a scenario that is repeated signs the same bytes."""
    person = Person.named("signer", ed25519=ed25519)
    _, private = keypairs.derive_keypair(person.seed, algorithm=_algorithm(ed25519=ed25519))

    for number in range(20):
        message = b"CLM\0" + bytes(32) + number.to_bytes(8, "big")

        assert person.sign_claim(ChannelId("0" * 64), Drops(number)) == keypairs.sign(
            message, private
        )


def _algorithm(*, ed25519: bool) -> CryptoAlgorithm:
    return CryptoAlgorithm.ED25519 if ed25519 else CryptoAlgorithm.SECP256K1


def test_a_seed_does_not_show() -> None:
    """Not in a traceback, not in a log line."""
    person = Person.named("shy")

    assert person.seed not in repr(person)


async def test_a_channel_that_cannot_be_opened_is_an_error(
    hand: Hand, source: Person, destination: Person
) -> None:
    """More funds than the source has."""
    with pytest.raises(RequestRefusedError, match="tecUNFUNDED"):
        await hand.create_channel(source, destination, 10**17, 60)


async def test_a_hand_whose_server_is_gone_says_so(sandbox: Sandbox) -> None:
    """It neither hangs nor answers."""
    async with Hand(sandbox.url) as hand:
        sandbox.cut()

        with pytest.raises(UnreachableError):
            await hand.request("ping")
