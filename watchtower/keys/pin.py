"""Where the PIN of an HSM comes from: environment, file, systemd, a person. Never a command line.

1. ``WATCHTOWER_HSM_PIN``;
2. the file that ``hsm.pin_file`` names, readable by its owner only;
3. the systemd credential ``hsm_pin`` (``LoadCredential=``, systemd.exec(5));
4. a hidden prompt, if a command is run at a terminal.

It is read when a token is to be opened, and kept nowhere. The first that is set is taken, even if
it turns out wrong: a second guess would cost one of the few tries that a token allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from watchtower.errors import ConfigError
from watchtower.keys.secret_file import is_there, read_secret

__all__ = ["find_pin"]

_VARIABLE: Final = "WATCHTOWER_HSM_PIN"
_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_CREDENTIAL: Final = "hsm_pin"


def find_pin(
    pin_file: str, environment: Mapping[str, str], prompt: Callable[[], str] | None = None
) -> str:
    """Return the PIN.

    ``prompt`` asks a person and echoes nothing; None says that there is nobody to ask.

    Raises:
        ConfigError: nobody gave one, or the file cannot be read, or others can read it.
    """
    directory = environment.get(_CREDENTIALS_VARIABLE)
    found = environment.get(_VARIABLE)
    if not found and pin_file:
        path = Path(pin_file)
        guarded = bool(directory) and path.is_relative_to(directory or "")
        found = read_secret(path, must_be_private=not guarded)
    if not found and directory and is_there(credential := Path(directory) / _CREDENTIAL):
        # systemd guards that directory itself, and shows its files with its own modes.
        found = read_secret(credential, must_be_private=False)
    if not found and prompt is not None:
        found = prompt()
    if not found:
        why = f"there is no PIN; set `hsm.pin_file` or {_VARIABLE}, or hand over {_CREDENTIAL!r}"
        raise ConfigError(path="[hsm]", why=why)
    return found
