"""One session with one token of a PKCS #11 module: opened when needed, made anew when lost.

What it guarantees:

- A PIN that the token refused is not shown to it again, by nobody in this process, until another
  one is given: tokens lock after a few wrong ones. One that says that the next wrong PIN locks it
  is left to a person.
- What fails in a session that was there before is tried once more in a new one, behind a new
  start of the module: a token that was pulled out and put back is found only so. What fails in a
  new session has failed.
- No exception of the module leaves here, and no PIN is in one that does.

Everything here blocks, and belongs on one thread (``own_thread.py``). It is the one module that
knows the library, which is an extra (``[hsm]``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import pkcs11
from pkcs11.exceptions import (
    FunctionNotSupported,
    MechanismInvalid,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    TokenNotPresent,
    TokenNotRecognised,
    UserAlreadyLoggedIn,
    UserPinNotInitialized,
)

from watchtower.errors import (
    ConfigError,
    HsmAbsentError,
    HsmFailedError,
    HsmKeyMissingError,
    HsmMechanismError,
    HsmPinError,
)

__all__ = ["Cryptoki", "Opened"]

Result = TypeVar("Result")

_COUNT_LOW: Final = 0x00010000
_FINAL_TRY: Final = 0x00020000
_LOCKED: Final = 0x00040000
"""CKF_USER_PIN_COUNT_LOW, _FINAL_TRY and _LOCKED (PKCS #11 v2.40, table 6)."""


class Opened(NamedTuple):
    """A session that is open, the token that it is with, and what that says that it can do."""

    session: pkcs11.Session
    token: pkcs11.Token
    mechanisms: frozenset[pkcs11.Mechanism | int]


class Cryptoki:
    """The way to the token called ``token`` of the module at ``module``, a shared library."""

    def __init__(
        self, module: str, token: str, pin: Callable[[], str], *, last_try: bool = False
    ) -> None:
        """Open nothing yet.

        Args:
            module: the path of the library that the token's maker gives.
            token: the token's label.
            pin: reads the PIN, whenever the token has to be opened.
            last_try: try the PIN also if a wrong one would lock the token: a person says so.
        """
        self._module = module
        self._token = token
        self._pin = pin
        self._last_try = last_try
        self._opened: Opened | None = None
        self._refused: str | None = None

    def perform(self, what: str, action: Callable[[Opened], Result]) -> Result:
        """Return what ``action`` does in a session; ``what`` says it in words, behind "did not".

        Raises:
            HsmError: it could not be done; what ``action`` raises of that kind is among them.
        """
        if self._opened is not None:
            try:
                return self._in_session(what, action, self._opened)
            except (HsmFailedError, HsmKeyMissingError):
                # A token that is gone shows no keys; whether that is so a new start will tell.
                self.close()
        try:
            self._opened = self._open()
            return self._in_session(what, action, self._opened)
        except (HsmFailedError, HsmKeyMissingError, HsmPinError, HsmAbsentError):
            self.close()
            raise

    def close(self) -> None:
        """End the session, and the module's work for this process."""
        self._opened = None
        library = pkcs11._loaded.get(self._module)  # noqa: SLF001 - there is no other way to it
        if library is not None:
            # What was lost cannot be ended in good order either.
            with suppress(PKCS11Error):
                library.finalize()

    def _in_session(self, what: str, action: Callable[[Opened], Result], opened: Opened) -> Result:
        try:
            return action(opened)
        except (MechanismInvalid, FunctionNotSupported):
            raise HsmMechanismError(
                token=self._token, what=what, mechanism="mechanism for it"
            ) from None
        except PKCS11Error as problem:
            raise HsmFailedError(token=self._token, what=what, why=_said(problem)) from None

    def _open(self) -> Opened:
        token = self._find()
        pin = self._pin_for(token)
        try:
            session = token.open(rw=True, user_pin=pin)
        except UserAlreadyLoggedIn:  # another part of this process has opened it
            session = self._try(lambda: token.open(rw=True))
        except (PinIncorrect, PinInvalid, PinLenRange) as problem:
            self._refused = pin
            raise self._pin_error(_wrong(problem) + self._tries_left()) from None
        except PinLocked:
            raise self._pin_error(_IS_LOCKED) from None
        except (PinExpired, UserPinNotInitialized):
            raise self._pin_error("it has no PIN that is valid now; set one") from None
        except PKCS11Error as problem:
            raise HsmAbsentError(token=self._token, why=_said(problem)) from None
        mechanisms = self._try(token.slot.get_mechanisms)
        return Opened(session, token, frozenset(mechanisms))

    def _find(self) -> pkcs11.Token:
        try:
            library = pkcs11.lib(self._module)
        except PKCS11Error as problem:
            why = f"the module {self._module} cannot be used ({_said(problem)})"
            raise HsmAbsentError(token=self._token, why=why) from None
        found = []
        for slot in self._try(lambda: library.get_slots(token_present=True)):
            with suppress(TokenNotPresent, TokenNotRecognised):
                token = self._try(slot.get_token)
                found += [token] if token.label == self._token else []
        if len(found) != 1:
            which = "no token" if not found else f"{len(found)} tokens"
            why = f"the module {self._module} shows {which} of that label"
            raise HsmAbsentError(token=self._token, why=why)
        return found[0]

    def _try(self, ask: Callable[[], Result]) -> Result:
        try:
            return ask()
        except (TokenNotPresent, TokenNotRecognised):
            raise
        except PKCS11Error as problem:
            raise HsmAbsentError(token=self._token, why=_said(problem)) from None

    def _pin_for(self, token: pkcs11.Token) -> str:
        if token.flags & _LOCKED:
            raise self._pin_error(_IS_LOCKED)
        if token.flags & _FINAL_TRY and not self._last_try:
            raise self._pin_error(
                "one more wrong PIN would lock it, so none is tried by itself. Make sure of the "
                "PIN, then run `watchtower hsm check --last-try`"
            )
        try:
            pin = self._pin()
        except ConfigError as problem:
            raise self._pin_error(str(problem).removesuffix(".")) from None
        if not _is_text(pin):
            raise self._pin_error("the PIN is no UTF-8 text")
        if pin == self._refused:
            raise self._pin_error(
                "it refused this PIN before, which is not tried again; correct it"
            )
        return pin

    def _tries_left(self) -> str:
        """Return what the token tells of how many tries are left, in words to be added."""
        try:
            flags = int(self._find().flags)
        except HsmAbsentError:
            return ""
        if flags & _LOCKED:
            return f", and now {_IS_LOCKED}"
        if flags & _FINAL_TRY:
            return ". One try is left: another wrong PIN locks the token"
        if flags & _COUNT_LOW:
            return ". The token counts wrong PINs, and does not tell how many tries are left"
        return ""

    def _pin_error(self, why: str) -> HsmPinError:
        return HsmPinError(token=self._token, why=why)


_IS_LOCKED: Final = (
    "its PIN is locked; unlock it with the tools of its maker and its security officer's PIN"
)


def _is_text(pin: str) -> bool:
    try:
        pin.encode()
    except UnicodeEncodeError:  # which would show the PIN
        return False
    return True


def _wrong(problem: PKCS11Error) -> str:
    length = ", too long or too short" if isinstance(problem, PinLenRange) else ""
    return f"the PIN is wrong{length}; it is not tried again, so correct it"


def _said(problem: PKCS11Error) -> str:
    """Return what the module said: the name of its code, and a text where there is one."""
    name, text = type(problem).__name__, str(problem)
    return f"{name}: {text}" if text else name
