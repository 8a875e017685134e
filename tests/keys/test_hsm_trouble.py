"""A token that is gone, locked, lacks something or hangs: an error each, and nothing is lost."""

from __future__ import annotations

import threading
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import pkcs11
import pytest

from tests.softhsm import PIN, TOKEN, SoftHsm
from watchtower.errors import (
    HsmAbsentError,
    HsmError,
    HsmFailedError,
    HsmMechanismError,
    HsmPinError,
    SigningError,
    SigningRefusedError,
)
from watchtower.keys import hsm as hsm_module
from watchtower.keys.cryptoki import Cryptoki
from watchtower.keys.hsm import Hsm, HsmKey
from watchtower.keys.own_thread import OwnThread
from watchtower.keys.vault import Algorithm


@pytest.fixture
async def key(softhsm: SoftHsm) -> AsyncIterator[HsmKey]:
    """Give a key that has signed before, in a session that is open."""
    hsm = softhsm.hsm()
    made = await hsm.make_key("mine", Algorithm.ED25519)
    await made.prove()
    yield made
    await hsm.close()


async def test_a_token_that_was_taken_away_is_used_again_when_it_is_back(
    softhsm: SoftHsm, key: HsmKey
) -> None:
    """In the same process, with nobody's help."""
    softhsm.take_away()
    for _ in range(3):
        with pytest.raises(HsmAbsentError, match="is looked for again by itself"):
            await key.sign(b"message")
    softhsm.bring_back()
    await key.prove()


async def test_a_session_that_is_lost_is_opened_anew_and_nobody_notices(
    softhsm: SoftHsm, key: HsmKey
) -> None:
    """Another part of the process, or the token itself, ended it."""
    pkcs11.lib(softhsm.module).reinitialize()
    await key.prove()


@pytest.mark.parametrize("where", ["module", "token"])
async def test_a_token_that_was_never_there_is_said(softhsm: SoftHsm, where: str) -> None:
    """With what was looked for."""
    module = "/nowhere/libnone.so" if where == "module" else softhsm.module
    hsm = Hsm(module, "another" if where == "token" else TOKEN, softhsm.read_pin)
    with pytest.raises(HsmAbsentError, match="nowhere" if where == "module" else "no token"):
        await hsm.key("mine")


async def test_two_tokens_of_one_label_are_none(softhsm: SoftHsm, key: HsmKey) -> None:
    """Nobody guesses which of them is meant."""
    softhsm.make_token(TOKEN)
    await key._hsm.close()
    with pytest.raises(HsmAbsentError, match="2 tokens"):
        await key.sign(b"message")


async def test_a_wrong_pin_is_shown_to_the_token_once_and_never_again(
    softhsm: SoftHsm, key: HsmKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is asked to sign; another PIN is tried at once, and once."""
    shown = _count_log_ins(monkeypatch)
    await key._hsm.close()
    softhsm.give_pin("wrong-pin")
    for _ in range(5):
        with pytest.raises(HsmPinError, match="PIN") as caught:
            await key.sign(b"message")
        told = "".join(traceback.format_exception(caught.value)) + repr(key._hsm.__dict__)
        assert "wrong-pin" not in told
    assert shown == ["wrong-pin"]
    softhsm.give_pin(PIN)
    await key.prove()
    assert shown == ["wrong-pin", PIN]


async def test_how_many_tries_are_left_is_said_as_far_as_the_token_tells(
    softhsm: SoftHsm, key: HsmKey
) -> None:
    """SoftHSM tells that there were wrong ones, and no number."""
    await key._hsm.close()
    softhsm.give_pin("wrong-pin")
    with pytest.raises(HsmPinError, match="does not tell how many tries are left"):
        await key.sign(b"message")


@pytest.mark.parametrize(
    ("flag", "why"), [(0x20000, "would lock it"), (0x40000, "its PIN is locked")]
)
async def test_no_pin_is_tried_where_the_next_wrong_one_locks_the_token(
    softhsm: SoftHsm, key: HsmKey, monkeypatch: pytest.MonkeyPatch, flag: int, why: str
) -> None:
    """That is for a person to say, who knows whether the PIN is right."""
    shown = _count_log_ins(monkeypatch)
    find = Cryptoki._find

    def warned(cryptoki: Cryptoki) -> Any:
        token = find(cryptoki)
        return _Flagged(token, token.flags | flag)

    monkeypatch.setattr(Cryptoki, "_find", warned)
    await key._hsm.close()
    with pytest.raises(HsmPinError, match=why):
        await key.sign(b"message")
    assert shown == []
    ordered = Hsm(softhsm.module, TOKEN, softhsm.read_pin, last_try=True)
    if flag == 0x20000:
        await (await ordered.key("mine")).prove()
        await ordered.close()


@pytest.mark.parametrize("pin", ["", "\udcff"])
async def test_a_pin_that_is_none_is_said_and_not_shown(
    softhsm: SoftHsm, key: HsmKey, pin: str
) -> None:
    """An exception of the codec would hold it."""
    hsm = Hsm(softhsm.module, TOKEN, lambda: pin)
    await key._hsm.close()
    with pytest.raises(HsmPinError) as caught:
        await hsm.key("mine")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("without", "algorithm", "missing"),
    [
        ("CKM_ECDSA", Algorithm.SECP256K1, "CKM_ECDSA"),
        ("CKM_EC_KEY_PAIR_GEN", Algorithm.SECP256K1, "CKM_EC_KEY_PAIR_GEN"),
        ("CKM_EDDSA", Algorithm.ED25519, "CKM_EDDSA"),
        ("CKM_EC_EDWARDS_KEY_PAIR_GEN", Algorithm.ED25519, "CKM_EC_EDWARDS_KEY_PAIR_GEN"),
    ],
)
async def test_a_token_without_the_mechanism_makes_no_key_with_which_it_cannot_sign(
    softhsm: SoftHsm, without: str, algorithm: Algorithm, missing: str
) -> None:
    """Said before anything is made."""
    softhsm.without(without)
    hsm = softhsm.hsm()
    with pytest.raises(HsmMechanismError, match=f"it has no {missing}"):
        await hsm.make_key("made", algorithm)
    assert await hsm.keys() == []
    await hsm.close()


async def test_a_token_that_lost_the_mechanism_says_so_and_the_other_kind_signs(
    softhsm: SoftHsm, key: HsmKey
) -> None:
    """A firmware that was changed takes one kind of key, and not the token."""
    other = await key._hsm.make_key("other", Algorithm.SECP256K1)
    softhsm.without("CKM_EDDSA")
    await key._hsm.close()
    with pytest.raises(HsmMechanismError, match="cannot sign with ed25519 keys"):
        await key.sign(b"message")
    await other.prove()


async def test_a_token_that_hangs_costs_a_bounded_time_and_comes_back(
    key: HsmKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is asked of it meanwhile; what is asked then is answered at once: no."""
    thread, released = OwnThread("hanging"), threading.Event()
    monkeypatch.setattr(hsm_module, "_THREAD", thread)
    await key._hsm.close()
    perform = Cryptoki.perform

    def slow(cryptoki: Cryptoki, what: str, action: Callable[[Any], Any]) -> Any:
        released.wait()
        return perform(cryptoki, what, action)

    monkeypatch.setattr(Cryptoki, "perform", slow)
    key._hsm._within = 0.05
    for _ in range(3):
        with pytest.raises(HsmFailedError, match=r"no answer came within 0\.05 s"):
            await key.sign(b"message")
    key._hsm._within = 30.0
    released.set()
    while True:
        try:
            await key.prove()
            break
        except HsmFailedError:
            continue


def test_every_error_of_a_token_leaves_the_obligation() -> None:
    """They are signing errors, which the responder takes as "not now", for the whole account."""
    errors: list[type[Exception]] = [HsmError, *HsmError.__subclasses__()]
    for error in errors:
        assert issubclass(error, SigningError)
        assert not issubclass(error, SigningRefusedError)  # of one transaction alone


class _Flagged:
    """A token that tells other flags; SoftHSM never locks."""

    def __init__(self, token: Any, flags: int) -> None:
        self._token = token
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._token, name)


def _count_log_ins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the PINs that the token is shown from now on."""
    shown: list[str] = []
    find = Cryptoki._find

    class Counting:
        def __init__(self, token: Any) -> None:
            self._token = token

        def __getattr__(self, name: str) -> Any:
            return getattr(self._token, name)

        def open(self, **how: Any) -> Any:
            if "user_pin" in how:
                shown.append(how["user_pin"])
            return self._token.open(**how)

    monkeypatch.setattr(Cryptoki, "_find", lambda cryptoki: Counting(find(cryptoki)))
    return shown
