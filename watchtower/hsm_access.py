"""The token that the settings name, as the rest of the house reaches it. It takes an extra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from watchtower.errors import ConfigError
from watchtower.hsm_settings import HsmSettings
from watchtower.keys.pin import find_pin
from watchtower.keys.signer import KeySource
from watchtower.units import Address

if TYPE_CHECKING:
    from watchtower.keys.hsm import Hsm
    from watchtower.keys.hsm_keys import HsmKeys

__all__ = ["hsm_keys_of", "hsm_of"]


def hsm_of(
    settings: HsmSettings,
    environment: Mapping[str, str],
    prompt: Callable[[], str] | None = None,
    *,
    last_try: bool = False,
) -> Hsm | None:
    """Return the token; None if the settings name none. It is not asked for anything yet.

    ``prompt`` asks a person for the PIN; ``last_try`` lets a wrong one lock the token.

    Raises:
        ConfigError: what it takes is not installed.
    """
    if not settings.module:
        return None
    try:
        from watchtower.keys.hsm import Hsm  # noqa: PLC0415 - who has no token needs no library
    except ModuleNotFoundError as missing:
        why = (
            f"`hsm.module` is set, and {missing.name} is not installed; "
            "run `pip install 'xrpl-watchtower[hsm]'`, or leave `hsm.module` empty"
        )
        raise ConfigError(path="[hsm]", why=why) from None
    return Hsm(
        settings.module,
        settings.token,
        lambda: find_pin(settings.pin_file, environment, prompt),
        within=settings.timeout_seconds,
        last_try=last_try,
    )


def hsm_keys_of(hsm: Hsm, settings: HsmSettings, others: KeySource | None = None) -> HsmKeys:
    """Return the keys that the settings name in the token, and ``others`` for other accounts."""
    from watchtower.keys.hsm_keys import HsmKeys, KeyInHsm  # noqa: PLC0415 - see above

    keys = (
        KeyInHsm(account=Address(key.account), label=key.label, is_regular_key=key.regular_key)
        for key in settings.keys
    )
    return HsmKeys(hsm, keys, others)
