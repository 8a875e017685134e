"""Typed settings from one TOML file and the environment; what is unsafe is refused at the start.

The file is ``watchtower.toml``, or what ``WATCHTOWER_CONFIG`` names. Unknown keys, bad addresses
and unsafe combinations are one :class:`ConfigError` with a sentence, before anything is opened or
sent. Relative paths are relative to the file. ``docs/configuration.md`` lists every key and is
compared with this module by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from watchtower.alert_settings import AlertSettings
from watchtower.authority_settings import AuthoritySettings, RightName
from watchtower.backup_settings import BackupSettings
from watchtower.drill_settings import DrillSettings
from watchtower.errors import ConfigError
from watchtower.head_settings import HeadSettings
from watchtower.hosts import is_loopback, same_server
from watchtower.hsm_settings import HsmSettings
from watchtower.http_settings import HttpSettings
from watchtower.key_settings import KeySettings
from watchtower.mqtt_settings import MqttSettings
from watchtower.sections import (
    AccountSettings,
    ClaimSettings,
    FeeSettings,
    JournalSettings,
    LedgerSettings,
    LogSettings,
    PayerSettings,
    PolicySettings,
    Role,
    SpaceSettings,
    TicketSettings,
)
from watchtower.units import Address, parse_address
from watchtower.vault_settings import VaultSettings

__all__ = [
    "CONFIG_VARIABLE",
    "DEFAULT_CONFIG",
    "AccountSettings",
    "AlertSettings",
    "AuthoritySettings",
    "BackupSettings",
    "ClaimSettings",
    "DrillSettings",
    "FeeSettings",
    "HeadSettings",
    "HsmSettings",
    "HttpSettings",
    "JournalSettings",
    "LedgerSettings",
    "LogSettings",
    "MqttSettings",
    "PayerSettings",
    "PolicySettings",
    "Role",
    "Settings",
    "SpaceSettings",
    "TicketSettings",
    "config_path",
    "load",
    "read_strictly",
    "refuse_unsafe",
]

_Kind = TypeVar("_Kind")

CONFIG_VARIABLE: Final = "WATCHTOWER_CONFIG"
DEFAULT_CONFIG: Final = "watchtower.toml"

_MOST_STAND_BY: Final = 0.9
"""What is left has to be enough to redeem in."""

_LEAST_MARGIN: Final = 60
"""Seconds, some fifteen ledgers: what is tried again before a channel's end is tried in there."""

_LEAST_FEE: Final = 10
"""The base fee of every public network, in drops."""

_WITH_FILES: Final = (
    "http",
    "mqtt",
    "hsm",
    "head",
    "authority",
    "keys",
    "vault",
    "backup",
    "alerts",
)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the watchtower is told."""

    accounts: Annotated[tuple[str | AccountSettings, ...], Meta(min_length=1)]
    servers: Annotated[tuple[str, ...], Meta(min_length=1)]
    store: str = "watchtower.db"
    allow_plaintext_servers: bool = False
    policy: PolicySettings = PolicySettings()
    payer: PayerSettings = PayerSettings()
    authority: AuthoritySettings = AuthoritySettings()
    fees: FeeSettings = FeeSettings()
    tickets: TicketSettings = TicketSettings()
    keys: KeySettings = KeySettings()
    ledger: LedgerSettings = LedgerSettings()
    claims: ClaimSettings = ClaimSettings()
    http: HttpSettings = HttpSettings()
    mqtt: MqttSettings = MqttSettings()
    hsm: HsmSettings = HsmSettings()
    vault: VaultSettings = VaultSettings()
    head: HeadSettings = HeadSettings()
    backup: BackupSettings = BackupSettings()
    space: SpaceSettings = SpaceSettings()
    journal: JournalSettings = JournalSettings()
    alerts: AlertSettings = AlertSettings()
    drill: DrillSettings = DrillSettings()
    log: LogSettings = LogSettings()

    @property
    def roles(self) -> dict[Address, Role]:
        """Every account and its role, in the order of the file."""
        return {Address(account.address): account.role for account in _named(self.accounts)}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every account, whatever its role."""
        return tuple(self.roles)

    @property
    def payees(self) -> frozenset[Address]:
        """The accounts whose incoming channels are guarded."""
        return frozenset(account for account, role in self.roles.items() if role != "payer")

    @property
    def payers(self) -> frozenset[Address]:
        """The accounts whose outgoing channels are guarded."""
        return frozenset(account for account, role in self.roles.items() if role != "payee")

    @property
    def rights(self) -> dict[Address, tuple[RightName, ...]]:
        """By which rights the tower may sign for each account, in their order."""
        named = _named(self.accounts)
        return {Address(account.address): self.authority.of(account.rights) for account in named}


def _named(accounts: Sequence[str | AccountSettings]) -> list[AccountSettings]:
    return [
        AccountSettings(account) if isinstance(account, str) else account for account in accounts
    ]


def config_path(environment: Mapping[str, str]) -> Path:
    """Return where the configuration is, or is to be written."""
    return Path(environment.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read, validate and complete the settings.

    ``WATCHTOWER_SERVERS`` (separated by commas) and ``WATCHTOWER_STORE`` in the environment
    replace what the file says.

    Returns:
        Settings whose paths are absolute.

    Raises:
        ConfigError: the file is missing, unreadable, unknown in a key, or unsafe.
        AddressError: an account's address has a bad form or checksum.
    """
    settings = read_strictly(path, Settings, made_by="watchtower init")
    settings = _from_environment(settings, environment)
    refuse_unsafe(settings, path)
    folder = path.absolute().parent
    try:
        store = (folder / Path(settings.store).expanduser()).resolve()
        within = {name: getattr(settings, name).within(folder) for name in _WITH_FILES}
    except (RuntimeError, ValueError) as problem:
        # Nobody is called like that (~NAME), or a path holds a zero byte.
        raise ConfigError(path=path, why=f"a path in it cannot be used: {problem}") from None
    if why := within["head"].why_unusable(str(store), has_broker=bool(settings.mqtt.broker)):
        raise ConfigError(path=path, why=why)
    return msgspec.structs.replace(settings, store=str(store), **within)


def read_strictly(path: Path, kind: type[_Kind], *, made_by: str) -> _Kind:
    """Return what a configuration file says, without asking yet whether it may be said.

    Raises:
        ConfigError: the file is missing, which ``made_by`` would make, unreadable, or unknown in a
            key.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        why = f"there is none; run `{made_by}`, or point {CONFIG_VARIABLE} at it"
        raise ConfigError(path=path, why=why) from None
    except OSError as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None
    try:
        return msgspec.toml.decode(raw, type=kind, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(path=path, why=str(problem)) from None
    except RecursionError:
        raise ConfigError(path=path, why="it is nested too deeply") from None


def _from_environment(settings: Settings, environment: Mapping[str, str]) -> Settings:
    if servers := environment.get("WATCHTOWER_SERVERS"):
        listed = tuple(part.strip() for part in servers.split(",") if part.strip())
        settings = msgspec.structs.replace(settings, servers=listed)
    if store := environment.get("WATCHTOWER_STORE"):
        settings = msgspec.structs.replace(settings, store=store)
    return settings


def refuse_unsafe(settings: Settings, path: Path) -> None:
    """Refuse settings that cannot be used, or combine what is unsafe together.

    Raises:
        ConfigError: one of them, with a sentence; ``path`` is where they stand.
        AddressError: an account's address has a bad form or checksum.
    """
    accounts = [account.address for account in _named(settings.accounts)]
    for address in accounts:
        parse_address(address)
    for name, values in (("accounts", accounts), ("servers", settings.servers)):
        if not values:
            raise ConfigError(path=path, why=f"`{name}` is empty; name at least one")
        if len(set(values)) != len(values):
            hint = '; give it the role "both" if that is meant' if name == "accounts" else ""
            raise ConfigError(path=path, why=f"`{name}` names the same one twice{hint}")
    for url in settings.servers:
        if why := _why_unusable(url, allow_plaintext=settings.allow_plaintext_servers):
            raise ConfigError(path=path, why=f"server {url!r} {why}")
    _refuse_one_server_twice(settings.servers, path)
    _refuse_unsafe_policy(settings, path)
    _refuse_serving_that_stops_for_good(settings, path)
    _refuse_unsafe_spending(settings, path)
    _refuse_alarms_that_sink(settings, path)
    if (
        why := settings.authority.why_unusable(a.rights for a in _named(settings.accounts))
        or settings.authority.delegate.why_unusable(accounts, settings.fees.cap_drops)
        or settings.http.why_unsafe()
        or settings.mqtt.why_unusable()
        or settings.hsm.why_unusable(accounts)
        or _why_two_places(settings)
        or _why_no_drill(settings)
        or settings.authority.why_no_cosigning(
            accounts, settings.http, has_broker=bool(settings.mqtt.broker)
        )
        or settings.alerts.why_unusable(has_broker=bool(settings.mqtt.broker))
    ):
        raise ConfigError(path=path, why=why)


def _why_two_places(settings: Settings) -> str | None:
    """Return why keys cannot be where these settings say; None if they can."""
    if settings.keys.signer and settings.hsm.keys:
        return (
            "`keys.signer` names a signer that holds the keys, and `hsm.keys` says that some are "
            "in a token of this machine: take out one of the two"
        )
    return None


def _why_no_drill(settings: Settings) -> str | None:
    return settings.drill.why_unusable(
        settings.payees,
        settings.addresses,
        least_settle_delay=settings.policy.min_settle_delay_seconds,
        redeemed_from=settings.policy.exposure_limit_drops,
    )


def _refuse_one_server_twice(servers: Sequence[str], path: Path) -> None:
    """Refuse a list that looks like two servers and is one: nobody would confirm anything."""
    known: dict[str, str] = {}
    for url in servers:
        same = known.setdefault(same_server(url), url)
        if same is not url:
            why = (
                f"{same!r} and {url!r} in `servers` are one server, spelled in two ways; name "
                "another one, so that there are two to compare"
            )
            raise ConfigError(path=path, why=why)


def _refuse_unsafe_policy(settings: Settings, path: Path) -> None:
    if settings.policy.margin_seconds < _LEAST_MARGIN:
        why = (
            f"`policy.margin_seconds` is below {_LEAST_MARGIN}: an attempt that fails before a "
            "channel's end would have no time to be made again"
        )
        raise ConfigError(path=path, why=why)
    if settings.policy.margin_seconds >= settings.policy.min_settle_delay_seconds > 0:
        why = "`policy.margin_seconds` must be below `policy.min_settle_delay_seconds`"
        raise ConfigError(path=path, why=why)
    if not 0 <= settings.policy.stand_by_share <= _MOST_STAND_BY:
        why = (
            "`policy.stand_by_share` is the part of the time for redeeming that is left to another "
            f"tower: 0 to act first, {_MOST_STAND_BY} at most"
        )
        raise ConfigError(path=path, why=why)


def _refuse_serving_that_stops_for_good(settings: Settings, path: Path) -> None:
    """Refuse limits at which serving stops before redeeming begins: nothing would end that."""
    policy = settings.policy
    if policy.redeem_every_seconds:
        return
    for name in (
        "most_at_stake_per_channel_drops",
        "most_at_stake_per_payer_drops",
        "most_at_stake_drops",
    ):
        most, redeemed_from = getattr(settings.claims, name), policy.exposure_limit_drops
        if most and (not redeemed_from or most < redeemed_from):
            when = f"above {redeemed_from} drops" if redeemed_from else "at no amount"
            why = (
                f"`claims.{name}` stops serving at {most} drops, and what is at stake on a channel "
                f"is redeemed {when} (`policy.exposure_limit_drops`), so that serving would never "
                "begin again by itself: set `policy.exposure_limit_drops` below it, or "
                "`policy.redeem_every_seconds`"
            )
            raise ConfigError(path=path, why=why)


def _refuse_unsafe_spending(settings: Settings, path: Path) -> None:
    fees, tickets = settings.fees, settings.tickets
    for name in ("budget_share", "haste_share"):
        if not 0 < getattr(fees, name) <= 1:
            why = f"`fees.{name}` is a share of what is at stake: above 0, and 1 at most"
            raise ConfigError(path=path, why=why)
    if fees.haste_share > fees.budget_share:
        why = "`fees.haste_share` must not be above `fees.budget_share`"
        raise ConfigError(path=path, why=why)
    if fees.cap_drops < _LEAST_FEE:
        why = (
            f"`fees.cap_drops` is below the base fee of {_LEAST_FEE} drops, which every "
            "transaction pays; nothing could ever be redeemed"
        )
        raise ConfigError(path=path, why=why)
    if fees.daily_cap_drops < fees.cap_drops:
        why = "`fees.daily_cap_drops` must not be below `fees.cap_drops`, what one attempt may cost"
        raise ConfigError(path=path, why=why)
    if tickets.low_water >= tickets.pool > 0:
        why = "`tickets.low_water` must be below `tickets.pool`"
        raise ConfigError(path=path, why=why)


def _refuse_alarms_that_sink(settings: Settings, path: Path) -> None:
    """Refuse a disk that would be urgent before it is worth a look."""
    space = settings.space
    for unit in ("bytes", "hours"):
        if 0 < getattr(space, f"warning_{unit}") < getattr(space, f"urgent_{unit}"):
            why = f"`space.urgent_{unit}` must not be above `space.warning_{unit}`"
            raise ConfigError(path=path, why=why)


def _why_unusable(url: str, *, allow_plaintext: bool) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as problem:
        return f"is not an address: {problem}"
    if parts.scheme not in {"ws", "wss"} or not host:
        return "is not a WebSocket address (wss://host:port)"
    if parts.scheme == "ws" and not allow_plaintext and not is_loopback(host):
        # Whoever sits between us and the server could hide a close request from us.
        return (
            "is not encrypted; use wss://, or set `allow_plaintext_servers = true` "
            "if the way there is private"
        )
    return None
