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

from watchtower.errors import ConfigError, PassphraseMissingError
from watchtower.keys.secret_file import is_there, read_wipeable

__all__ = ["find_passphrase", "find_word"]

_VARIABLE: Final = "WATCHTOWER_PASSPHRASE"
_FILE_VARIABLE: Final = "WATCHTOWER_PASSPHRASE_FILE"
_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_CREDENTIAL: Final = "passphrase"


def find_passphrase(environment: Mapping[str, str], prompt: Callable[[], str] | None = None) -> str:
    """Return the passphrase as text, as `find_word` does.

    Raises:
        PassphraseMissingError: nobody gave one, or an empty one.
        ConfigError: the file cannot be read, or others can read it.
    """
    found = find_word(environment, prompt)
    return found if isinstance(found, str) else found.decode()


def find_word(
    environment: Mapping[str, str], prompt: Callable[[], str] | None = None
) -> str | bytearray:
    """Return the passphrase; as bytes that can be wiped, where it is in a file or a credential.

    ``prompt`` asks a person and echoes nothing; None says that there is no terminal.

    Raises:
        PassphraseMissingError: nobody gave one, or an empty one.
        ConfigError: the file cannot be read, or others can read it.
    """
    found: str | bytearray | None = environment.get(_VARIABLE)
    if not found and (named := environment.get(_FILE_VARIABLE)):
        found = _text_in(Path(named), must_be_private=True)
    if not found and (directory := environment.get(_CREDENTIALS_VARIABLE)):
        credential = Path(directory) / _CREDENTIAL
        if is_there(credential):
            # systemd guards that directory itself, and shows its files with its own modes.
            found = _text_in(credential, must_be_private=False)
    if not found and prompt is not None:
        found = prompt()
    if not found:
        raise PassphraseMissingError
    return found


def _text_in(path: Path, *, must_be_private: bool) -> bytearray:
    found = read_wipeable(path, must_be_private=must_be_private)
    if not found.isascii():
        try:
            found.decode()
        except UnicodeDecodeError:
            raise ConfigError(path=path, why="it is no UTF-8 text") from None
    return found
