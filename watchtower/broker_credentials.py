"""Who we are at the broker, and by what we know it: read for each connection anew."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from typing_extensions import override

from watchtower.brokers import broker_of
from watchtower.errors import ConfigError
from watchtower.interfaces.mqtt.connection import Credentials
from watchtower.keys.secret_file import read_secret, refuse_shared
from watchtower.mqtt_settings import MqttSettings

__all__ = ["credentials_of"]

_PASSWORD: Final = "WATCHTOWER_MQTT_PASSWORD"  # noqa: S105 - what the variable is called
_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


class _Socket(ssl.SSLSocket):
    """A socket that is closed where its handshake fails: who made it leaves it to the collector.

    A broker whose certificate is wrong for a week would cost a file for each try.
    """

    @override
    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def credentials_of(settings: MqttSettings, environment: Mapping[str, str]) -> Credentials:
    """Return what the settings name: the password from the environment or else from its file.

    Raises:
        ConfigError: a file cannot be read or used, or others than its owner can read it.
    """
    return Credentials(
        username=settings.username or None,
        password=_password(settings, environment),
        tls=_tls(settings, environment) if broker_of(settings.broker).is_encrypted else None,
    )


def _password(settings: MqttSettings, environment: Mapping[str, str]) -> str | None:
    if found := environment.get(_PASSWORD):
        return found
    if not settings.password_file:
        return None
    path = Path(settings.password_file)
    return read_secret(path, must_be_private=not _is_guarded(path, environment))


def _tls(settings: MqttSettings, environment: Mapping[str, str]) -> ssl.SSLContext:
    path = settings.ca_file or "the system's own"
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _Socket
        if settings.certificate_file:
            path = settings.certificate_file
            key = Path(settings.key_file)
            if not _is_guarded(key, environment):
                refuse_shared(key)
            context.load_cert_chain(settings.certificate_file, key)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None
    return context


def _is_guarded(path: Path, environment: Mapping[str, str]) -> bool:
    """Return whether systemd guards a file, in its own directory and with its own modes."""
    directory = environment.get(_CREDENTIALS_VARIABLE)
    return bool(directory) and path.is_relative_to(directory or "")
