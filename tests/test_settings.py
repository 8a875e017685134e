"""Settings: one file, the environment, and what is refused at the start."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from watchtower.authority_settings import AuthoritySettings, RightName
from watchtower.claims.exposure import ServingLimits
from watchtower.errors import AddressError, ConfigError, StoreExistsError
from watchtower.first_settings import write_first
from watchtower.keys.authority import Right
from watchtower.settings import config_path, load
from watchtower.units import Address, Drops
from watchtower.wiring import guard_of, rights_of, serving_limits_of

PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
PAYER = "rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"


def written(folder: Path, text: str) -> Path:
    """A configuration with ``text`` behind what every one needs."""
    path = folder / "w.toml"
    path.write_text(
        f'accounts = ["{PAYEE}"]\nservers = ["wss://one", "ws://127.0.0.1:6006"]\n{text}'
    )
    return path


def test_store_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """Wherever the command is run from."""
    settings = load(written(tmp_path, 'store = "data/w.db"\n'), {})
    assert settings.store == str(tmp_path / "data" / "w.db")


def test_environment_replaces_servers_and_store(tmp_path: Path) -> None:
    """For containers, which have one image and many places."""
    environment = {"WATCHTOWER_SERVERS": "wss://two, wss://three", "WATCHTOWER_STORE": "/x/y.db"}
    settings = load(written(tmp_path, ""), environment)
    assert settings.servers == ("wss://two", "wss://three")
    assert settings.store == "/x/y.db"


@pytest.mark.parametrize("server", ["ws://localhost:1", "ws://[::1]:1", "ws://127.9.9.9:1"])
def test_plain_text_is_for_this_machine_alone(tmp_path: Path, server: str) -> None:
    """Whoever sits on the way could hide a close request."""
    load(written(tmp_path, ""), {"WATCHTOWER_SERVERS": server})
    with pytest.raises(ConfigError, match="not encrypted"):
        load(written(tmp_path, ""), {"WATCHTOWER_SERVERS": "ws://10.0.0.1:1"})
    allowed = written(tmp_path, "allow_plaintext_servers = true\n")
    load(allowed, {"WATCHTOWER_SERVERS": "ws://10.0.0.1:1"})


@pytest.mark.parametrize(
    "text",
    [
        "[policy]\nmargin_seconds = -1\n",
        "[policy]\nmargin_seconds = 1.5\n",
        "[policy]\nmargin_seconds = 59\n",
        "[policy]\nmargin = 1\n",
        "[fees]\ncap_drops = 9\n",
        "[policy]\nstand_by_share = 0.95\n",
        "[claims]\nmost_at_stake_per_channel_drops = 5\n",
        "[claims]\nmost_at_stake_per_payer_drops = 5\n",
        "[claims]\nmost_at_stake_drops = 5\n",
        "[claims]\nmost_at_stake_drops = 5\n[policy]\nexposure_limit_drops = 6\n",
        "[claims]\nmost_at_stake_drops = -1\n",
        "[policy]\nstand_by_share = -0.1\n",
        "[fees]\nbudget_share = 0.0\n",
        "[fees]\nbudget_share = 1.1\n",
        "[fees]\nbudget_share = nan\n",
        "[fees]\nhaste_share = -0.1\n",
        "[fees]\nhaste_share = 0.6\n",
        "[fees]\ndaily_cap_drops = 999999\n",
        "[tickets]\npool = 251\n",
        "[tickets]\npool = 3\nlow_water = 3\n",
        "[fees]\nlast_ledger_offset = 2\n",
        "[ledger]\nrequest_timeout_seconds = 0\n",
        '[log]\nlevel = "loud"\n',
        "[claims]\nstale_seconds = 0\n",
        '[http]\nlisten = "8412"\n',
        '[http]\nlisten = "127.0.0.1:"\n',
        '[http]\nlisten = "127.0.0.1:65536"\n',
        '[http]\nlisten = "127.0.0.1:٣"\n',
        '[http]\nlisten = "unix:"\n',
        '[alerts]\nwebhook = "ftp://x"\n',
        '[alerts]\nheartbeat_url = "x"\n',
        'accounts = ["twice"]\n',
    ],
)
def test_setting_out_of_its_bounds_is_refused(tmp_path: Path, text: str) -> None:
    """Before anything is opened or sent."""
    with pytest.raises(ConfigError):
        load(written(tmp_path, text), {})


@pytest.mark.parametrize(
    "policy", ["exposure_limit_drops = 5", "exposure_limit_drops = 1", "redeem_every_seconds = 60"]
)
def test_serving_limits_stand_where_something_is_redeemed_before(
    tmp_path: Path, policy: str
) -> None:
    """A limit that nothing would ever make room below would stop serving for good."""
    limits = "".join(
        f"most_at_stake_{whose}drops = 5\n" for whose in ("", "per_payer_", "per_channel_")
    )
    settings = load(written(tmp_path, f"[claims]\n{limits}[policy]\n{policy}\n"), {})
    drops = Drops(5)
    assert serving_limits_of(settings) == ServingLimits(channel=drops, payer=drops, total=drops)
    assert guard_of(settings).limits == serving_limits_of(settings)


def test_without_serving_limits_there_are_none(tmp_path: Path) -> None:
    """0 is no limit, and not a limit of nothing."""
    assert not guard_of(load(written(tmp_path, ""), {})).limits.are_set


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8412", "[::]:8412", "192.0.2.1:8412", "door.example:8412", "::1:8412.5"]
)
def test_listening_where_others_can_come_is_refused(tmp_path: Path, listen: str) -> None:
    """There is nothing yet that tells who may come in."""
    with pytest.raises(ConfigError, match=r"http\.listen"):
        load(written(tmp_path, f'[http]\nlisten = "{listen}"\n'), {})


@pytest.mark.parametrize(
    ("listen", "there"),
    [
        ("127.0.0.1:8412", "127.0.0.1:8412"),
        ("[::1]:8412", "[::1]:8412"),
        ("localhost:8412", "localhost:8412"),
        ("unix:door.sock", "unix:{folder}/door.sock"),
        ("unix:/run/door.sock", "unix:/run/door.sock"),
        ("", ""),
    ],
)
def test_places_on_this_machine_can_be_listened_at(tmp_path: Path, listen: str, there: str) -> None:
    """A unix socket is relative to the file, as every path is."""
    found = load(written(tmp_path, f'[http]\nlisten = "{listen}"\n'), {})
    assert found.http.listen == there.format(folder=tmp_path)


@pytest.mark.parametrize("server", ["wss://", "wss://one:port", "one", "http://one"])
def test_server_that_is_no_websocket_address_is_refused(tmp_path: Path, server: str) -> None:
    """One sentence instead of a failed connection for ever."""
    with pytest.raises(ConfigError):
        load(written(tmp_path, ""), {"WATCHTOWER_SERVERS": server})


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("wss://xrpl.example", "wss://XRPL.example"),
        ("wss://xrpl.example", "WSS://xrpl.example:443/"),
        ("wss://xrpl.example/ws", "wss://xrpl.example./ws/"),
        ("ws://127.0.0.1", "ws://127.0.0.1:80"),
        ("ws://[::1]:6006", "ws://[0:0:0:0:0:0:0:1]:6006"),
    ],
)
def test_one_server_in_two_spellings_is_refused(tmp_path: Path, one: str, same: str) -> None:
    """Two servers or an alarm: a list that only looks like two would silence it."""
    with pytest.raises(ConfigError, match="are one server"):
        load(written(tmp_path, ""), {"WATCHTOWER_SERVERS": f"{one},{same}"})


@pytest.mark.parametrize(
    "other", ["wss://xrpl.example:51233", "wss://xrpl.example/other", "wss://xrpl2.example"]
)
def test_two_servers_on_one_host_are_two(tmp_path: Path, other: str) -> None:
    """Another port or path may be another server."""
    urls = f"wss://xrpl.example,{other}"
    assert len(load(written(tmp_path, ""), {"WATCHTOWER_SERVERS": urls}).servers) == 2


def test_first_file_can_be_loaded_and_is_never_overwritten(tmp_path: Path) -> None:
    """What init wrote is what run reads."""
    path = tmp_path / "new" / "w.toml"
    made = write_first(path, [PAYEE], ["wss://one", "wss://two"])
    assert load(path, {}) == made
    with pytest.raises(StoreExistsError):
        write_first(path, [PAYEE], ["wss://other"])
    assert load(path, {}) == made


def accounts(folder: Path, listed: str) -> Path:
    """A configuration with these accounts."""
    path = folder / "w.toml"
    path.write_text(f'accounts = [{listed}]\nservers = ["wss://one"]\n')
    return path


def test_accounts_have_roles_and_are_payees_where_none_is_said(tmp_path: Path) -> None:
    """A name alone, or a table; the house asks for payees and for payers."""
    third = "rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX"
    listed = (
        f'"{PAYEE}", {{ address = "{PAYER}", role = "payer" }}, '
        f'{{ address = "{third}", role = "both" }}'
    )
    settings = load(accounts(tmp_path, listed), {})
    assert settings.addresses == (PAYEE, PAYER, third)
    assert settings.payees == {PAYEE, third}
    assert settings.payers == {PAYER, third}


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (f'"{PAYEE}", "{PAYEE}"', "names the same one twice"),
        (f'"{PAYEE}", {{ address = "{PAYEE}", role = "payer" }}', 'give it the role "both"'),
        (f'{{ address = "{PAYEE}", role = "owner" }}', "owner"),
        (f'{{ address = "{PAYEE}", roll = "payer" }}', "roll"),
        ('{ role = "payer" }', "address"),
        ("", "accounts"),
    ],
)
def test_account_named_twice_or_with_an_unknown_role_is_refused(
    tmp_path: Path, listed: str, why: str
) -> None:
    """In either form: which of two roles was meant is not for us to guess."""
    with pytest.raises(ConfigError, match=why):
        load(accounts(tmp_path, listed), {})


def test_first_file_names_payers_and_who_is_both(tmp_path: Path) -> None:
    """What init is told on two sides is guarded on both."""
    made = write_first(tmp_path / "w.toml", [PAYEE], ["wss://one"], payers=[PAYEE, PAYER])
    assert made.roles == {PAYEE: "both", PAYER: "payer"}
    with pytest.raises(ConfigError, match="twice"):
        write_first(tmp_path / "v.toml", [PAYEE, PAYEE], ["wss://one"])
    with pytest.raises(ConfigError, match="twice"):
        write_first(tmp_path / "v.toml", [], ["wss://one"], payers=[PAYER, PAYER])


def test_unreadable_file_is_told_and_no_traceback(tmp_path: Path) -> None:
    """A folder, rubbish, or nothing at all."""
    (tmp_path / "rubbish.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "rubbish.toml", tmp_path / "nowhere.toml"):
        with pytest.raises(ConfigError):
            load(path, {})


def test_config_path_is_what_the_environment_names() -> None:
    """Else the file of that name in the present folder."""
    assert config_path({}) == Path("watchtower.toml")
    assert config_path({"WATCHTOWER_CONFIG": "/etc/w.toml"}) == Path("/etc/w.toml")


@pytest.mark.parametrize(
    "line",
    [
        'store = "~nobody-is-called-like-that/w.db"',
        'store = "w\\u0000.db"',
        'http.listen = "unix:~nobody-is-called-like-that/door.sock"',
        'alerts.webhook = "https://[::1"',
        "store = " + "[" * 5_000,
    ],
)
def test_what_the_fuzzer_found_is_refused_in_a_sentence(tmp_path: Path, line: str) -> None:
    """Paths of nobody, zero bytes, addresses cut short, nesting without a bottom."""
    path = tmp_path / "watchtower.toml"
    path.write_text(f'{line}\naccounts = ["{PAYEE}"]\nservers = ["wss://a.example"]\n')
    with pytest.raises(ConfigError):
        load(path, {})


def test_a_master_key_is_no_right_unless_it_is_allowed(tmp_path: Path) -> None:
    """Whatever list names it; and then it comes where the list has it."""
    account = Address(PAYEE)
    every = ("presigned", "delegated", "signer_list", "regular_key")
    assert load(written(tmp_path, ""), {}).rights == {account: every}
    allowed = load(written(tmp_path, "[authority]\nallow_master_key = true\n"), {})
    assert rights_of(allowed) == {account: tuple(Right)}
    order = '[authority]\nrights = ["master_key", "delegated"]\n'
    assert load(written(tmp_path, order), {}).rights == {account: ("delegated",)}
    order += "allow_master_key = true\n"
    assert load(written(tmp_path, order), {}).rights == {account: ("master_key", "delegated")}


def test_an_account_may_have_rights_of_its_own(tmp_path: Path) -> None:
    """And others keep the common ones."""
    path = tmp_path / "w.toml"
    path.write_text(
        f'accounts = [{{ address = "{PAYEE}", rights = ["regular_key"] }}, "{PAYER}"]\n'
        'servers = ["wss://one"]\n[authority]\nrights = ["delegated"]\n'
    )
    assert load(path, {}).rights == {
        Address(PAYEE): ("regular_key",),
        Address(PAYER): ("delegated",),
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rights = []", "is empty"),
        ('rights = ["delegated", "delegated"]', "twice"),
        ('rights = ["regularkey"]', "regularkey"),
        ('rights = "regular_key"', "array"),
        ('rights = ["regular_key"]\nallow_master_key = true', "no list of `rights` names"),
        ("allow_master_key = 1", "bool"),
        ("allow = true", "allow"),
    ],
)
def test_rights_that_could_not_mean_what_they_say_are_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    """With one sentence."""
    with pytest.raises(ConfigError, match=why):
        load(written(tmp_path, f"[authority]\n{text}\n"), {})


def test_the_names_of_rights_in_settings_are_those_of_the_house() -> None:
    """In the same order; the settings know no other room."""
    assert get_args(RightName) == tuple(right.value for right in Right)
    assert AuthoritySettings().rights == tuple(right.value for right in Right)


def test_the_towers_own_account_is_nobodys_that_is_guarded(tmp_path: Path) -> None:
    """What it has is for fees alone, and nobody else's channels hang on its key."""
    settings = load(written(tmp_path, f'[authority.delegate]\naccount = "{PAYER}"\n'), {})
    assert settings.authority.own == PAYER
    assert PAYER not in settings.addresses
    assert load(written(tmp_path, ""), {}).authority.own is None
    with pytest.raises(ConfigError, match="guarded itself"):
        load(written(tmp_path, f'[authority.delegate]\naccount = "{PAYEE}"\n'), {})
    with pytest.raises(AddressError):
        load(written(tmp_path, '[authority.delegate]\naccount = "rNobody"\n'), {})
    little = f'[authority.delegate]\naccount = "{PAYER}"\nleast_money_drops = 999999\n'
    with pytest.raises(ConfigError, match="least_money_drops"):
        load(written(tmp_path, little), {})


def test_keys_are_with_a_signer_or_in_a_token_and_not_with_both(tmp_path: Path) -> None:
    """The daemon would open a token for an account that somebody else signs for."""
    token = f"""
[hsm]
module = "/usr/lib/token.so"
token = "tower"
keys = [{{ account = "{PAYEE}", label = "redeem" }}]
"""
    load(written(tmp_path, token), {})
    with pytest.raises(ConfigError, match="take out one of the two"):
        load(written(tmp_path, token + '[keys]\nsigner = "signer.sock"\n'), {})
