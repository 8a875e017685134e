"""Where the passphrase comes from, in this order: environment, file, systemd, a person.

1. ``WATCHTOWER_PASSPHRASE``;
2. the file that ``WATCHTOWER_PASSPHRASE_FILE`` names, readable by its owner only;
3. the systemd credential ``passphrase`` (``LoadCredential=``, systemd.exec(5));
4. a hidden prompt, if there is a terminal.

The first that is set is taken, even if it turns out wrong: a second guess would hide a mistake.
One line break at the end of a file is not part of the passphrase.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from watchtower.errors import ConfigError, PassphraseMissingError

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
        found = _read(Path(named), must_be_private=True)
    if not found and (directory := environment.get(_CREDENTIALS_VARIABLE)):
        credential = Path(directory) / _CREDENTIAL
        if credential.exists():
            # systemd guards that directory itself, and shows its files with its own modes.
            found = _read(credential, must_be_private=False)
    if not found and prompt is not None:
        found = prompt()
    if not found:
        raise PassphraseMissingError
    return found


def _read(path: Path, *, must_be_private: bool) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if must_be_private and mode & 0o077:
                why = f"others may read it (mode {mode:04o}); run `chmod 600 {path}`"
                raise ConfigError(path=path, why=why)
            text = file.read()
    except OSError as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None
    except UnicodeDecodeError:
        raise ConfigError(path=path, why="it is no UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
