"""Where to listen, and who may come in: every combination that is unsafe is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings import written
from watchtower.errors import ConfigError
from watchtower.http_settings import HttpSettings
from watchtower.settings import load

PAIR = 'certificate = "c.pem"\ncertificate_key = "c.key"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('listen = "0.0.0.0:8412"', "http.certificate"),
        ('listen = "192.0.2.7:8412"', "http.certificate"),
        ('listen = "tower.example:8412"', "http.certificate"),
        ('listen = "192.0.2.7:8412"\nrequire_token = true', "http.certificate"),
        ('listen = "127.0.0.1:8412"\ncertificate = "c.pem"', "name both"),
        ('listen = "127.0.0.1:8412"\ncertificate_key = "c.key"', "name both"),
        ('listen = "127.0.0.1:8412"\nclient_authority = "a.pem"', "none of our own"),
        ('listen = "0.0.0.0:8412"\nclient_authority = "a.pem"', "none of our own"),
        (f'listen = "unix:door.sock"\n{PAIR}', "for a port"),
        (f'listen = "0.0.0.0:8412"\n{PAIR}', "http.names"),
        (f'listen = "[::]:8412"\n{PAIR}', "http.names"),
        ('listen = "127.0.0.1:8412"\nnames = ["https://tower.example"]', "no host"),
        ('listen = "127.0.0.1:8412"\nnames = ["tower.example:8412"]', "no host"),
        ('listen = "127.0.0.1:8412"\nnames = [""]', "no host"),
    ],
)
def test_what_is_unsafe_is_refused_with_what_to_do(tmp_path: Path, text: str, why: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigError, match=why):
        load(written(tmp_path, f"[http]\n{text}\n"), {})


@pytest.mark.parametrize(
    ("text", "needs_token"),
    [
        ('listen = "127.0.0.1:8412"', False),
        ('listen = "unix:door.sock"', False),
        ('listen = "unix:door.sock"\nrequire_token = true', True),
        (f'listen = "127.0.0.1:8412"\n{PAIR}', False),
        (f'listen = "192.0.2.7:8412"\n{PAIR}', True),
        (f'listen = "192.0.2.7:8412"\nrequire_token = false\n{PAIR}', True),
        (f'listen = "[::]:8412"\nnames = ["tower.example"]\n{PAIR}', True),
        (f'listen = "192.0.2.7:8412"\nclient_authority = "a.pem"\n{PAIR}', False),
        (
            f'listen = "192.0.2.7:8412"\nclient_authority = "a.pem"\nrequire_token = true\n{PAIR}',
            True,
        ),
    ],
)
def test_beyond_this_machine_nobody_comes_in_by_nothing(
    tmp_path: Path, text: str, *, needs_token: bool
) -> None:
    """A token or a certificate, whatever the file says."""
    assert load(written(tmp_path, f"[http]\n{text}\n"), {}).http.needs_token is needs_token


def test_files_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    """As every other path; a link is followed when it is read, for it may lead on tomorrow."""
    text = f'listen = "127.0.0.1:8412"\nclient_authority = "/etc/a.pem"\n{PAIR}'
    http = load(written(tmp_path, f"[http]\n{text}"), {}).http
    assert http.certificate == str(tmp_path / "c.pem")
    assert http.certificate_key == str(tmp_path / "c.key")
    assert http.client_authority == "/etc/a.pem"


def test_it_answers_to_the_names_it_was_told(tmp_path: Path) -> None:
    """As a browser writes them."""
    text = f'listen = "[::]:8412"\nnames = ["Tower.Example.", "2001:db8::1"]\n{PAIR}'
    http = load(written(tmp_path, f"[http]\n{text}"), {}).http
    for host in ("tower.example", "2001:db8::1", "localhost", "127.0.0.1"):
        assert http.answers_to(host)
    for host in ("", "door", "elsewhere.example", "192.0.2.1"):
        assert not http.answers_to(host)


def test_a_page_that_leads_its_own_name_to_a_forwarded_socket_gets_nothing() -> None:
    """`ssh -L` puts a unix socket before a browser; what is no browser calls it what it likes."""
    http = HttpSettings(listen="unix:door.sock", names=("tower.example",))
    for host in ("", "door", "localhost", "127.0.0.1", "192.0.2.1", "::1", "tower.example"):
        assert http.answers_to(host)
    for host in ("elsewhere.example", "127.0.0.1.nip.example", "localhost.", "tower.example.x"):
        assert not http.answers_to(host)
    # Behind a proxy, whose names nobody may have told us: nothing is to be had without a token.
    assert HttpSettings(listen="unix:door.sock", require_token=True).answers_to("any.example")
