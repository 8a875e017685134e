"""A real PKCS #11 module, SoftHSM2, with tokens of the test's own in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pkcs11

from watchtower.keys.hsm import Hsm

__all__ = ["PIN", "TOKEN", "SoftHsm", "softhsm_in"]

PIN: Final = "7261-correct"
TOKEN: Final = "the tower's"
_OFFICER: Final = "6402-officer"
_CONFIGURATION: Final = "SOFTHSM2_CONF"
_PLACES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


class SoftHsm:
    """Tokens in a folder; ``module`` is the library that shows them."""

    def __init__(self, folder: Path) -> None:
        """Keep the tokens in ``folder``."""
        self.module = next(place for place in _PLACES if Path(place).exists())
        self.pin_file = folder / "pin"
        self._folder = folder
        self._tokens = folder / "tokens"
        self.configuration = folder / "softhsm2.conf"

    def begin(self) -> None:
        """Make a token, with a PIN."""
        self._tokens.mkdir(parents=True)
        self.without()
        self.make_token(TOKEN)
        self.give_pin(PIN)

    def make_token(self, label: str) -> None:
        """Make a token called ``label``."""
        tool = shutil.which("softhsm2-util")
        assert tool is not None, "install softhsm2"
        pins = ["--so-pin", _OFFICER, "--pin", PIN]
        made = [tool, "--init-token", "--free", "--label", label, *pins]
        subprocess.run(made, check=True, capture_output=True)

    def give_pin(self, pin: str) -> None:
        """Write a PIN into the file that the tower reads it from."""
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{pin}\n")

    def take_away(self) -> None:
        """Take all tokens away."""
        self._tokens.rename(self._folder / "away")

    def bring_back(self) -> None:
        """Bring them back."""
        (self._folder / "away").rename(self._tokens)

    def without(self, *mechanisms: str) -> None:
        """Have the module's tokens lack mechanisms, from its next start on."""
        lines = [f"directories.tokendir = {self._tokens}", "objectstore.backend = file"]
        # SoftHSM 2.6 leaves the first that is named; CKM_MD5 is of no use to anybody here.
        lines += [f"slots.mechanisms = -CKM_MD5,{','.join(mechanisms)}"] if mechanisms else []
        self.configuration.write_text("\n".join(lines) + "\n")

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return what ``[hsm]`` says."""
        return {
            "module": self.module,
            "token": TOKEN,
            "pin_file": str(self.pin_file),
            **more,
        }

    def hsm(self, *, within: float = 30.0) -> Hsm:
        """Return the token as the tower reaches it."""
        return Hsm(self.module, TOKEN, self.read_pin, within=within)

    def read_pin(self) -> str:
        """Return the PIN that stands in the file."""
        return self.pin_file.read_text().strip()


def _end(module: str) -> None:
    """End the module's work for this process, so that it reads its configuration anew."""
    if (library := pkcs11._loaded.get(module)) is not None:
        with suppress(pkcs11.PKCS11Error):
            library.finalize()


@contextmanager
def softhsm_in(folder: Path) -> Iterator[SoftHsm]:
    """Give a token in ``folder``, and the environment in which it is found."""
    made, before = SoftHsm(folder), os.environ.get(_CONFIGURATION)
    _end(made.module)
    os.environ[_CONFIGURATION] = str(made.configuration)
    try:
        made.begin()
        yield made
    finally:
        _end(made.module)
        if before is None:
            del os.environ[_CONFIGURATION]
        else:
            os.environ[_CONFIGURATION] = before
