"""The key that comes next: behind the present one on its branch, or a random one."""

from __future__ import annotations

from coincurve import PrivateKey
from nacl.signing import SigningKey

from watchtower.errors import DerivationPathError, MnemonicError
from watchtower.keys.derivation import derive
from watchtower.keys.tree import KeyPath, Purpose, parse_path
from watchtower.keys.vault import Algorithm, KeyCard, key_of_derived
from watchtower.store.secrets import StoredKey
from watchtower.units import Address

__all__ = ["fresh_key", "next_of_tree"]


def fresh_key(account: Address, algorithm: Algorithm) -> StoredKey:
    """Return a random key for ``account``, by the operating system's own randomness.

    It stands in no tree: a backup of the store is the only way to have it back.
    """
    if algorithm is Algorithm.ED25519:
        made = SigningKey.generate()
        public, private = f"ED{made.verify_key.encode().hex().upper()}", made.encode()
    else:
        key = PrivateKey()
        public, private = key.public_key.format().hex().upper(), key.secret
    return StoredKey(account=account, public_key=public, private_key=private, is_regular_key=True)


def next_of_tree(
    seed: bytes,
    account: Address,
    present: KeyCard | None,
    *,
    algorithm: Algorithm,
    index: int | None = None,
    wallet: int | None = None,
) -> StoredKey:
    """Return the next dispute key of the tree that ``seed`` makes.

    It is the one behind ``present``, if that stands on the branch, and the first one else. Then
    ``seed`` has to make ``present`` as well: every passphrase makes a seed, also a mistyped one,
    and its keys would be nobody's.

    Args:
        seed: 64 bytes (BIP-39).
        account: whose the key will be.
        present: the key that signs for it now, None if there is none.
        algorithm: of the new key.
        index: which key instead; then ``present`` need not be of the same seed.
        wallet: the account number of BIP-44; that of ``present``, or 0, if not given.

    Raises:
        MnemonicError: the seed does not make the present key.
        DerivationPathError: the branch has no such key.
    """
    is_ed25519 = algorithm is Algorithm.ED25519
    here = None if present is None else _on_branch(present)
    if index is not None or here is None:
        path = KeyPath(
            purpose=Purpose.DISPUTE,
            index=index or 0,
            wallet=wallet if wallet is not None else 0 if here is None else here.wallet,
            is_ed25519=is_ed25519,
        )
        return key_of_derived(account, derive(seed, path))
    if present is not None and derive(seed, here).public_key != present.public_key:
        why = (
            f"it does not make the present key of {account} at {here}, so it is another one, or "
            "has another passphrase; name --index to take a key of it all the same"
        )
        raise MnemonicError(why=why)
    following = KeyPath(
        purpose=Purpose.DISPUTE,
        index=here.next().index,
        wallet=here.wallet if wallet is None else wallet,
        is_ed25519=is_ed25519,
    )
    return key_of_derived(account, derive(seed, following))


def _on_branch(card: KeyCard) -> KeyPath | None:
    """Return where a key stands on the dispute branch; None if it does not."""
    if card.path is None:
        return None
    try:
        path = parse_path(card.path, is_ed25519=card.algorithm is Algorithm.ED25519)
    except DerivationPathError:
        return None
    return path if path.purpose is Purpose.DISPUTE else None
