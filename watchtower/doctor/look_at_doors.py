"""Trying the doors for claims: the broker as a stranger of our name, and the certificate's files.

The broker is asked under a name of its own and with a session that ends at once: under the daemon's
own name the broker would throw the daemon out, and what waits there for it would be handed to us.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from watchtower.access.token import Token
from watchtower.brokers import broker_of
from watchtower.doctor.of_doors import HttpFacts, MqttFacts
from watchtower.errors import CertificateError
from watchtower.front_mqtt import broker_credentials
from watchtower.settings import Settings

__all__ = ["look_at_broker", "look_at_http"]

_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
_PATIENCE: Final = 5.0


async def look_at_broker(loaded: Settings, environment: Mapping[str, str]) -> MqttFacts:
    """Return whether the broker lets us in, and would hand us claims.

    Raises:
        ConfigError: what shows the broker who we are cannot be read, or is not installed.
    """
    credentials_of = broker_credentials(loaded.mqtt, environment)
    # Only who has a broker needs what it takes to speak with one; that was seen to just now.
    import aiomqtt  # noqa: PLC0415

    from watchtower.interfaces.mqtt.topics import Topics  # noqa: PLC0415

    mqtt, broker = loaded.mqtt, broker_of(loaded.mqtt.broker)
    topics = Topics(prefix=mqtt.topic_prefix, group=mqtt.group, client=mqtt.client)
    credentials = None if credentials_of is None else credentials_of()
    trouble: str | None = None
    try:
        async with aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=f"{mqtt.client}-doctor-{secrets.token_hex(4)}",
            username=None if credentials is None else credentials.username,
            password=None if credentials is None else credentials.password,
            tls_context=None if credentials is None else credentials.tls,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            timeout=_PATIENCE,
        ) as client:
            # Beside the group, so that no claim comes to us in place of a tower.
            codes = await client.subscribe(topics.claims, qos=0)
            refused = [code for code in codes if getattr(code, "is_failure", False)]
            if refused:
                trouble = f"it would not hand us {topics.claims}: {refused[0]}"
    except (aiomqtt.MqttError, OSError) as lost:
        trouble = str(lost) or type(lost).__name__
    return MqttFacts(broker=broker.text, topic=topics.claims, trouble=trouble)


def look_at_http(
    loaded: Settings, environment: Mapping[str, str], tokens: Collection[Token] | None
) -> HttpFacts:
    """Return how the HTTP interface would be."""
    http, place = loaded.http, loaded.http.place
    trouble: str | None = None
    shown: dict[str, Any] = {}
    if http.certificate:
        try:
            shown = _shown(loaded, environment.get(_CREDENTIALS))
        except (CertificateError, OSError, ValueError) as wrong:
            trouble = str(wrong)
    return HttpFacts(
        place=place.text,
        needs_token=http.needs_token,
        is_private=place.is_private,
        tokens=tokens,
        certificate=http.certificate,
        trouble=trouble,
        hosts=http.names,
        own=place.hosts or (),
        **shown,
    )


def _shown(loaded: Settings, credentials: str | None) -> dict[str, Any]:
    """Return how long the certificate is good, and for whom, having tried that it can be used.

    Raises:
        CertificateError: they cannot.
    """
    # Only who has a certificate pays for what it takes to read one.
    from watchtower.interfaces.http.certificates import (  # noqa: PLC0415
        CertificateFiles,
        Certificates,
    )

    http = loaded.http
    certificate, key = Path(http.certificate), Path(http.certificate_key)
    guarded = bool(credentials) and key.is_relative_to(credentials or "")
    authority = Path(http.client_authority) if http.client_authority else None
    Certificates(
        CertificateFiles(
            certificate=certificate, key=key, authority=authority, is_key_guarded=guarded
        )
    )
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return {
        "begins": found.not_valid_before_utc.timestamp(),
        "until": found.not_valid_after_utc.timestamp(),
        "named": _named(found),
    }


def _named(certificate: x509.Certificate) -> list[str]:
    """Return the hosts that a certificate names; its subject's name is none (RFC 9525, 6.3)."""
    try:
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(one) for one in told.get_values_for_type(x509.IPAddress)]
    return [*told.get_values_for_type(x509.DNSName), *addresses]
