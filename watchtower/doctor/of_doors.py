"""The doors for claims: the broker and the HTTP interface. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from watchtower.access.token import Token
from watchtower.doctor.finding import Finding, Level, of_trouble, ok

__all__ = ["HttpFacts", "MqttFacts", "is_named", "of_http", "of_mqtt"]

_DAY: Final = 86_400
_SOON: Final = 14 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttFacts:
    """What became of a connection to the broker; ``trouble`` is why it did not come to be."""

    broker: str
    topic: str
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFacts:
    """How the HTTP interface would be.

    Attributes:
        place: where it listens.
        needs_token: whether nobody comes in without a token.
        is_private: whether only this machine can reach it.
        tokens: those that the store has; None if it was not opened.
        certificate: its file; empty for none.
        trouble: why the certificate cannot be used, as a sentence.
        until: until when it is good, in seconds since 1970.
        begins: from when on, likewise.
        named: the hosts that it names.
        hosts: those by which others come (`http.names`).
        own: those of the place itself.
    """

    place: str
    needs_token: bool
    is_private: bool
    tokens: Collection[Token] | None
    certificate: str = ""
    trouble: str | None = None
    until: float | None = None
    begins: float | None = None
    named: Collection[str] = ()
    hosts: Collection[str] = ()
    own: Collection[str] = ()


def of_mqtt(facts: MqttFacts) -> Finding:
    """Return whether claims can come by the broker."""
    if facts.trouble is not None:
        return of_trouble(
            "mqtt.connects", f"The broker {facts.broker}: {facts.trouble}.", facts.broker
        )
    return ok(
        "mqtt.connects",
        f"{facts.broker} lets us in, and would hand us {facts.topic}. Whether we may publish is "
        "not tried, for somebody would read it.",
        facts.broker,
    )


def of_http(facts: HttpFacts, now: float) -> Iterator[Finding]:
    """Yield whether platforms could come in."""
    yield from _certificate(facts, now)
    yield from _names(facts)
    if not facts.needs_token:
        yield ok("http.tokens", f"No token is needed at {facts.place}.", facts.place)
        return
    if facts.tokens is None:
        return
    good = [one for one in facts.tokens if one.expires is None or one.expires > now]
    if good:
        yield ok("http.tokens", f"{len(good)} tokens are good at {facts.place}.", facts.place)
        return
    yield Finding(
        check="http.tokens",
        level=Level.WARNING if facts.is_private else Level.FAILURE,
        subject=facts.place,
        sentence=f"Nobody can come in at {facts.place}: there is no token that is good"
        + ("." if facts.is_private else ", and the daemon does not start."),
        mend="watchtower token add platform --scope submit",
    )


def _certificate(facts: HttpFacts, now: float) -> Iterator[Finding]:
    if facts.trouble is not None:
        yield of_trouble("http.certificate", facts.trouble, facts.certificate)
    elif facts.until is not None:
        days = (facts.until - now) / _DAY
        said = f"{facts.certificate} is good for {days:.0f} more days"
        if facts.begins is not None and now < facts.begins:
            yield of_trouble(
                "http.certificate",
                f"{facts.certificate} is not good before {(facts.begins - now) / _DAY:.0f} days "
                "from now: nobody who looks at it comes in.",
                facts.certificate,
            )
        elif facts.until <= now:
            yield of_trouble(
                "http.certificate",
                f"{facts.certificate} expired {-days:.0f} days ago: renew it.",
                facts.certificate,
            )
        elif facts.until - now < _SOON:
            yield Finding(
                check="http.certificate",
                level=Level.WARNING,
                subject=facts.certificate,
                sentence=f"{said}: renew it, and write the new files there.",
            )
        else:
            yield ok("http.certificate", f"{said}.", facts.certificate)


def _names(facts: HttpFacts) -> Iterator[Finding]:
    """Yield by which hosts nobody comes in who looks whom the certificate names (RFC 9525)."""
    if facts.until is None or facts.trouble is not None:
        return
    missing = [host for host in facts.hosts if not is_named(host, facts.named)]
    names = ", ".join(facts.named) or "nobody"
    if missing:
        yield Finding(
            check="http.names",
            level=Level.WARNING,
            subject=facts.certificate,
            sentence=f"{facts.certificate} names {names}, and not {', '.join(missing)} "
            "(`http.names`): nobody comes in by that who looks whom it names. Have one made for "
            "all of them, unless a proxy of yours stands in front.",
        )
    elif not facts.hosts and not any(is_named(host, facts.named) for host in facts.own):
        yield Finding(
            check="http.names",
            level=Level.WARNING,
            subject=facts.certificate,
            sentence=f"{facts.certificate} names {names}, and nothing of {facts.place}: whoever "
            "comes by its address is shown the certificate of somebody else.",
        )
    else:
        said = f"{facts.certificate} names all hosts by which others come."
        yield ok("http.names", said, facts.certificate)


def is_named(host: str, named: Collection[str]) -> bool:
    """Return whether a certificate that names ``named`` is one of ``host``.

    A star stands for one label, the first, whole (RFC 9525, section 6.3); of addresses it is none.
    """
    host = host.lower().rstrip(".")
    try:
        address = str(ip_address(host))
    except ValueError:
        _, _, rest = host.partition(".")
        wanted = {host, f"*.{rest}"} if "." in rest else {host}
        return any(one.lower().rstrip(".") in wanted for one in named)
    return address in named
