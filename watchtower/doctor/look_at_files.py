"""Looking at the files that the settings and the environment name; none of them is opened."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from watchtower.doctor.of_files import FileFacts, FileRole
from watchtower.keys.key_file import KEY_FILE_VARIABLE
from watchtower.settings import AlertSettings, Settings

__all__ = ["look_at_files"]

_PASSPHRASE_FILE: Final = "WATCHTOWER_PASSPHRASE_FILE"  # noqa: S105 - what the variable is called
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


def look_at_files(
    config: Path, loaded: Settings, environment: Mapping[str, str]
) -> list[FileFacts]:
    """Return what the permissions of every file are that matters."""
    directory = environment.get(_CREDENTIALS)
    store = Path(loaded.store)
    found = [_look(FileRole.CONFIG, config)]
    for setting, path in _secrets(loaded, environment):
        guarded = bool(directory) and path.is_relative_to(directory or "")
        found.append(_look(FileRole.SECRET, path, setting, is_guarded=guarded))
    if store.exists():  # one that is not there is told of once, with what makes it
        found.append(_look(FileRole.STORE, store))
        found.append(_look(FileRole.FOLDER, store.parent))
    return found


def _secrets(loaded: Settings, environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield the files with a secret, each with what names it."""
    for variable in (_PASSPHRASE_FILE, KEY_FILE_VARIABLE):
        if named := environment.get(variable):
            yield variable, Path(named)
    if not environment.get(KEY_FILE_VARIABLE) and loaded.vault.key_file:
        yield "`vault.key_file`", Path(loaded.vault.key_file)
    settings = (
        ("`hsm.pin_file`", loaded.hsm.pin_file),
        ("`http.certificate_key`", loaded.http.certificate_key),
        ("`mqtt.password_file`", loaded.mqtt.password_file if loaded.mqtt.broker else ""),
        ("`mqtt.key_file`", loaded.mqtt.key_file if loaded.mqtt.broker else ""),
    )
    for setting, named in settings:
        if named:
            yield setting, Path(named)
    yield from _of_alerts(loaded.alerts)
    for room, others in (
        ("authority.cosigners", loaded.authority.cosigners),
        ("head.towers", loaded.head.towers),
    ):
        for other in others:
            yield from ((f"`{room}.key_file`", Path(p)) for p in [other.key_file] if p)
            yield from ((f"`{room}.token_file`", Path(p)) for p in [other.token_file] if p)


def _of_alerts(alerts: AlertSettings) -> Iterator[tuple[str, Path]]:
    """Yield the files that say where alarms go, and by which secrets."""
    named = [
        ("`alerts.apprise_file`", alerts.apprise_file),
        ("`alerts.heartbeat_url_file`", alerts.heartbeat_url_file),
    ]
    for webhook in alerts.webhooks:
        named.append(("`alerts.webhooks.url_file`", webhook.url_file))
        named.append(("`alerts.webhooks.secret_file`", webhook.secret_file))
    yield from ((setting, Path(path)) for setting, path in named if path)


def _look(role: FileRole, path: Path, setting: str = "", *, is_guarded: bool = False) -> FileFacts:
    try:
        told = os.stat(path)  # noqa: PTH116 - as short as can be, in a thread of its own
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        return FileFacts(role=role, path=str(path), mode=None, why=why, setting=setting)
    return FileFacts(
        role=role,
        path=str(path),
        mode=stat.S_IMODE(told.st_mode),
        owner=told.st_uid,
        setting=setting,
        quoted=shlex.quote(str(path)),
        is_guarded=is_guarded,
    )
