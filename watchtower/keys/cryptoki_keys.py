"""What is done in a session with a token: finding keys, making them, signing, and wrapping.

Keys are made so that they never leave the token (CKA_SENSITIVE, not CKA_EXTRACTABLE). A pair is
known by its label, and its halves by the same CKA_ID.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from hashlib import sha512
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import AttributeSensitive, AttributeTypeInvalid
from pkcs11.mechanisms import GCMParams

from watchtower.errors import HsmKeyExistsError, HsmKeyMissingError, HsmMechanismError
from watchtower.keys.cryptoki import Opened
from watchtower.keys.ec_point import ED25519, SECP256K1, public_key_of
from watchtower.keys.hsm_values import HsmKeyCard, Sealed
from watchtower.keys.vault import Algorithm

__all__ = [
    "all_keys",
    "find_key",
    "make_key",
    "open_sealed",
    "seal",
    "sign",
]

_NEEDED: Final = {
    Algorithm.SECP256K1: ((Mechanism.EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN"),),
    Algorithm.ED25519: ((Mechanism.EC_EDWARDS_KEY_PAIR_GEN, "CKM_EC_EDWARDS_KEY_PAIR_GEN"),),
}
_SIGNS: Final = {
    Algorithm.SECP256K1: (Mechanism.ECDSA, "CKM_ECDSA"),
    Algorithm.ED25519: (Mechanism.EDDSA, "CKM_EDDSA"),
}
_CURVES: Final = {
    Algorithm.SECP256K1: (KeyType.EC, SECP256K1),
    Algorithm.ED25519: (KeyType.EC_EDWARDS, ED25519),
}
_ID_BYTES: Final = 16
_GCM: Final = "AES_GCM"
_CBC: Final = "AES_CBC_PAD"
_SEALS: Final = {_GCM: (Mechanism.AES_GCM, 12), _CBC: (Mechanism.AES_CBC_PAD, 16)}
"""How a secret is sealed under a key of the token, the better way first, and the nonce's length."""


def all_keys(opened: Opened) -> list[HsmKeyCard]:
    """Return the keys of the token that can be the key of an account, by label."""
    pairs = ((key, _public_half(opened, key)) for key in _objects(opened, _PRIVATE))
    cards = [_card(key, public) for key, public in pairs if public is not None]
    return sorted(cards, key=lambda card: card.label)


def find_key(opened: Opened, label: str) -> tuple[Any, HsmKeyCard]:
    """Return the one key called ``label``, and what may be told of it.

    Raises:
        HsmKeyMissingError: there is none, or more than one, or none that the ledger knows.
    """
    found = list(_objects(opened, {**_PRIVATE, Attribute.LABEL: label}))
    if len(found) != 1:
        why = "there is none" if not found else f"{len(found)} keys are called so"
        raise _missing(opened, label, why)
    public = _public_half(opened, found[0])
    if public is None:
        why = "its public half is not there, or is of another curve than secp256k1 and ed25519"
        raise _missing(opened, label, why)
    return found[0], _card(found[0], public)


def make_key(opened: Opened, label: str, algorithm: Algorithm) -> HsmKeyCard:
    """Make a key in the token, which stays there.

    Raises:
        HsmKeyExistsError: there is one of that label.
        HsmMechanismError: the token makes no such keys, or does not sign with them.
    """
    _refuse_taken(opened, label)
    for mechanism, name in (*_NEEDED[algorithm], _SIGNS[algorithm]):
        _need(opened, mechanism, name, f"make and use {algorithm} keys")
    kind, curve = _CURVES[algorithm]
    domain = opened.session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
    domain.generate_keypair(
        id=secrets.token_bytes(_ID_BYTES),
        label=label,
        store=True,
        mechanism=_NEEDED[algorithm][0][0],
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template=_STAYS,
    )
    return find_key(opened, label)[1]


def sign(opened: Opened, key: Any, card: HsmKeyCard, message: bytes) -> bytes:
    """Return the token's signature of ``message``, as it gives it: r and s, or ed25519's 64 bytes.

    Raises:
        HsmMechanismError: the token does not sign with such keys.
    """
    mechanism, name = _SIGNS[card.algorithm]
    _need(opened, mechanism, name, f"sign with {card.algorithm} keys")
    is_secp256k1 = card.algorithm is Algorithm.SECP256K1
    signed = key.sign(
        sha512(message).digest()[:32] if is_secp256k1 else message, mechanism=mechanism
    )
    return bytes(signed)


def seal(opened: Opened, label: str, secret: bytes) -> Sealed:
    """Seal ``secret`` under the token's AES key called ``label``, which is made if it is not there.

    Raises:
        HsmMechanismError: the token has no mechanism for that.
    """
    mechanisms = opened.mechanisms
    usable = [name for name, (mechanism, _) in _SEALS.items() if mechanism in mechanisms]
    if not usable:
        raise HsmMechanismError(
            token=opened.token.label, what="wrap keys", mechanism="CKM_AES_GCM or CKM_AES_CBC_PAD"
        )
    if not list(_objects(opened, {**_SECRET, Attribute.LABEL: label})):
        _need(opened, Mechanism.AES_KEY_GEN, "CKM_AES_KEY_GEN", "make AES keys")
        opened.session.generate_key(
            KeyType.AES,
            256,
            id=secrets.token_bytes(_ID_BYTES),
            label=label,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template=_STAYS,
        )
    mechanism, size = _SEALS[usable[0]]
    nonce = secrets.token_bytes(size)
    data = _secret_key(opened, label).encrypt(
        secret, mechanism=mechanism, mechanism_param=_parameter(usable[0], nonce)
    )
    return Sealed(mechanism=usable[0], nonce=nonce, data=bytes(data))


def open_sealed(opened: Opened, label: str, sealed: Sealed) -> bytes:
    """Return the secret.

    Raises:
        HsmKeyMissingError: the token has no such key.
        HsmMechanismError: the token has no such mechanism.
    """
    if sealed.mechanism not in _SEALS:
        raise HsmMechanismError(
            token=opened.token.label, what="unwrap the store's key", mechanism=sealed.mechanism
        )
    mechanism, _ = _SEALS[sealed.mechanism]
    _need(opened, mechanism, f"CKM_{sealed.mechanism}", "unwrap the store's key")
    found = _secret_key(opened, label).decrypt(
        sealed.data, mechanism=mechanism, mechanism_param=_parameter(sealed.mechanism, sealed.nonce)
    )
    return bytes(found)


_PRIVATE: Final = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
_SECRET: Final = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
_STAYS: Final = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}


def _objects(opened: Opened, attributes: dict[Attribute, Any]) -> Iterator[Any]:
    # All at once: a search that is left half-way blocks the session for everything else.
    return iter(list(opened.session.get_objects(attributes)))


def _public_half(opened: Opened, key: Any) -> str | None:
    """Return the public key of a private one; None if the ledger knows no such keys."""
    if _read(key, Attribute.KEY_TYPE) not in (KeyType.EC, KeyType.EC_EDWARDS):
        return None
    identity, label = _read(key, Attribute.ID), _read(key, Attribute.LABEL)
    wanted = {Attribute.ID: identity} if identity else {Attribute.LABEL: label}
    points = {
        public_key_of(
            bytes(_read(half, Attribute.EC_PARAMS) or b""),
            bytes(_read(half, Attribute.EC_POINT) or b""),
        )
        for half in _objects(opened, {Attribute.CLASS: ObjectClass.PUBLIC_KEY, **wanted})
    }
    return points.pop() if len(points) == 1 else None


def _card(key: Any, public_key: str) -> HsmKeyCard:
    leaves = _read(key, Attribute.EXTRACTABLE) is not False
    shown = _read(key, Attribute.SENSITIVE) is not True
    label = _read(key, Attribute.LABEL)
    return HsmKeyCard(label=label, public_key=public_key, never_leaves=not (leaves or shown))


def _read(thing: Any, attribute: Attribute) -> Any:
    try:
        return thing[attribute]
    except (AttributeTypeInvalid, AttributeSensitive):
        return None


def _secret_key(opened: Opened, label: str) -> Any:
    found = list(_objects(opened, {**_SECRET, Attribute.LABEL: label}))
    if len(found) != 1:
        why = "there is no AES key of that label" if not found else "several AES keys are called so"
        raise _missing(opened, label, why)
    return found[0]


def _parameter(name: str, nonce: bytes) -> GCMParams | bytes:
    return GCMParams(nonce) if name == _GCM else nonce


def _need(opened: Opened, mechanism: Mechanism, name: str, what: str) -> None:
    if mechanism not in opened.mechanisms:
        raise HsmMechanismError(token=opened.token.label, what=what, mechanism=name)


def _refuse_taken(opened: Opened, label: str) -> None:
    if list(_objects(opened, {Attribute.LABEL: label})):
        raise HsmKeyExistsError(token=opened.token.label, label=label)


def _missing(opened: Opened, label: str, why: str) -> HsmKeyMissingError:
    return HsmKeyMissingError(token=opened.token.label, label=label, why=why)
