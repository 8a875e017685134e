"""Where the passphrase comes from, in this order: environment, file, systemd, a person.

1. ``WATCHTOWER_PASSPHRASE``;
2. the file that ``WATCHTOWER_PASSPHRASE_FILE`` names, readable by its owner only;
3. the systemd credential ``passphrase`` (``LoadCredential=``, systemd.exec(5));
4. a hidden prompt, if there is a terminal.

The first that is set is taken, even if it turns out wrong: a second guess would hide a mistake.
One line break at the end of a file is not part of the passphrase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from watchtower.errors import PassphraseMissingError
from watchtower.keys.secret_file import read_secret

__all__ = ["find_passphrase"]

_VARIABLE: Final = "WATCHTOWER_PASSPHRASE"
_FILE_VARIABLE: Final = "WATCHTOWER_PASSPHRASE_FILE"
_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_CREDENTIAL: Final = "passphrase"


def find_passphrase(environment: Mapping[str, str], prompt: Callable[[], str] | None = None) -> str:
    """Return the passphrase.

    ``prompt`` asks a person and echoes nothing; None says that there is no terminal.

    Raises:
        PassphraseMissingError: nobody gave one, or an empty one.
        ConfigError: the file cannot be read, or others can read it.
    """
    found = environment.get(_VARIABLE)
    if not found and (named := environment.get(_FILE_VARIABLE)):
        found = read_secret(Path(named))
    if not found and (directory := environment.get(_CREDENTIALS_VARIABLE)):
        credential = Path(directory) / _CREDENTIAL
        if credential.exists():
            # systemd guards that directory itself, and shows its files with its own modes.
            found = read_secret(credential, must_be_private=False)
    if not found and prompt is not None:
        found = prompt()
    if not found:
        raise PassphraseMissingError
    return found
