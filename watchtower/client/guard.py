"""Routes of an ASGI application that are served for claims alone.

What it guarantees: a request with a price reaches the application only behind a claim that the
cashier has charged; every other one is answered 402 with how to pay, or 503 while nobody can tell.
Where the application delivers nothing (every status but 2xx), the charge is taken back.

    till = Till(Path("till"))
    app = PaymentGuard(articles, tower=tower, till=till, recipient=payee, price=Drops(1_000))
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from watchtower.client.cashier import Admitted, Asks, Cashier, Refused, Unavailable
from watchtower.client.payment import (
    Credential,
    Fault,
    Terms,
    challenge_for,
    problem_type,
    read_credential,
    receipt_for,
)
from watchtower.client.till import Till
from watchtower.errors import ClientError
from watchtower.units import Address, ChannelId, Drops

__all__ = ["PaymentGuard"]

_log = logging.getLogger(__name__)

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[Any, Any, Any], Awaitable[None]]

_REALM: Final = re.compile(r"[ !#-\[\]-{}~]{1,200}\Z", re.ASCII)
"""What may stand between quotes in a header, and between bars in a binding."""

_RETRY: Final = (b"retry-after", b"2")
_PASSING: Final = frozenset({"ledger_stale", "not_judged", "quota"})
"""Reasons that pass by themselves."""

_SUCCESS: Final = 2
"""The class of statuses with which something was delivered."""

_HTTP: Final = frozenset({"http", "websocket"})

_WHY: Final = {
    Fault.REQUIRED: "This is paid for with a claim on a payment channel.",
    Fault.MALFORMED: "The credential cannot be read.",
    Fault.CHALLENGE: "The credential answers another challenge than ours for this.",
    Fault.EXPIRED: "The challenge has expired; answer this one.",
    Fault.PAYLOAD: "The credential holds no voucher: channelId, amount and signature.",
}


class PaymentGuard:
    """An ASGI application in front of another one.

    Args:
        app: what is guarded.
        tower: a tower client; whoever runs the application enters it, in its lifespan.
        till: what was served; every process that serves for the same channels has the same one.
        recipient: the account that channels have to pay.
        price: drops for each request, or a function that tells it by the scope, None for free.
        realm: what is guarded, as readers are told.
        network: the ledger's name, as readers are told.
        channel_of: tells by the scope which channel a reader pays with, where a session knows it;
            the challenge then says how much was promised on it.
        lifetime: seconds for which a challenge may be answered.
        clock: Unix seconds.
    """

    def __init__(
        self,
        app: _App,
        *,
        tower: Asks,
        till: Till,
        recipient: Address,
        price: Drops | Callable[[_Scope], Drops | None],
        realm: str = "articles",
        network: str = "mainnet",
        channel_of: Callable[[_Scope], ChannelId | None] | None = None,
        lifetime: int = 300,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _REALM.match(realm):
            raise ValueError(
                "the realm has to be printable ASCII without quotes, backslashes and bars"
            )
        self._app = app
        self._cashier = Cashier(tower, till)
        self._secret = till.secret
        self._price = price
        if not callable(price):
            _check(price)
        self._realm = realm
        self._recipient = recipient
        self._network = network
        self._channel_of = channel_of
        self._lifetime = lifetime
        self._clock = clock

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one request, or say how to pay."""
        price = self._price_of(scope)
        if price is None:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            # Nothing is charged for what comes after the first word, so nothing is let in.
            await send({"type": "websocket.close", "code": 1008})
            return
        terms = self._terms(price)
        found = read_credential(
            _header(scope, b"authorization"), terms, secret=self._secret, now=self._clock()
        )
        if isinstance(found, Credential):
            await self._decide(
                await self._cashier.admit(found.claim, terms), terms, scope, receive, send
            )
        else:
            channel = None if self._channel_of is None else self._channel_of(scope)
            await self._ask_for_payment(found, terms, send, channel)

    def _price_of(self, scope: _Scope) -> Drops | None:
        if scope["type"] not in _HTTP:
            return None
        price = self._price(scope) if callable(self._price) else self._price
        return None if price is None else _check(price)

    def _terms(self, price: Drops) -> Terms:
        return Terms(
            realm=self._realm, recipient=self._recipient, price=price, network=self._network
        )

    async def _decide(
        self,
        decided: Admitted | Refused | Unavailable,
        terms: Terms,
        scope: _Scope,
        receive: _Receive,
        send: _Send,
    ) -> None:
        match decided:
            case Admitted():
                await self._serve(decided, scope, receive, send)
            case Refused():
                await self._refuse(decided, terms, send)
            case Unavailable():
                _log.warning("payment_not_decided", extra={"why": decided.why})
                await _answer(
                    send,
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    {
                        "type": "about:blank",
                        "detail": "Payments cannot be checked at the moment. Nothing was served; "
                        "send the same again in a moment.",
                    },
                    [_RETRY],
                )

    async def _serve(
        self, admitted: Admitted, scope: _Scope, receive: _Receive, send: _Send
    ) -> None:
        """Have the application answer; take the charge back if it delivers nothing."""
        begun = False

        async def sending(message: _Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not begun:
                begun = True
                if message["status"] // 100 == _SUCCESS:
                    message = {**message, "headers": self._receipted(admitted, message)}
                else:
                    await self._give_back(admitted)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if not begun:
                await self._give_back(admitted)

    def _receipted(self, admitted: Admitted, message: _Message) -> list[tuple[bytes, bytes]]:
        headers = list(message.get("headers", ()))
        headers.append(
            (b"payment-receipt", receipt_for(admitted.claim, now=self._clock()).encode())
        )
        if not any(name.lower() == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"private"))
        return headers

    async def _give_back(self, admitted: Admitted) -> None:
        try:
            await self._cashier.give_back(admitted)
        except ClientError as trouble:
            _log.warning("charge_not_given_back", extra={"why": str(trouble)})

    async def _refuse(self, refused: Refused, terms: Terms, send: _Send) -> None:
        challenge = self._challenge(terms, refused.channel, refused.cumulative)
        told = {"detail": refused.why, "reasons": refused.reasons, "channel": refused.channel}
        await _ask(send, terms, challenge, refused.fault, told)

    async def _ask_for_payment(
        self, fault: Fault, terms: Terms, send: _Send, channel: ChannelId | None
    ) -> None:
        cumulative = None
        if channel is not None:
            try:
                cumulative = await self._cashier.cumulative(channel, terms.price)
            except ClientError as trouble:
                _log.warning("till_not_read", extra={"why": str(trouble)})
        challenge = self._challenge(terms, channel, cumulative)
        await _ask(send, terms, challenge, fault, {"detail": _WHY[fault]})

    def _challenge(self, terms: Terms, channel: ChannelId | None, cumulative: Drops | None) -> str:
        return challenge_for(
            terms,
            secret=self._secret,
            expires=int(self._clock()) + self._lifetime,
            channel=channel,
            cumulative=cumulative,
        )


async def _ask(
    send: _Send, terms: Terms, challenge: str, fault: Fault, told: Mapping[str, Any]
) -> None:
    """Answer 402: why, and how to pay."""
    pay = {"recipient": terms.recipient, "price": str(terms.price), "network": terms.network}
    headers = [(b"www-authenticate", challenge.encode())]
    if not _PASSING.isdisjoint(told.get("reasons", ())):
        headers.append(_RETRY)
    body = {"type": problem_type(fault), **told, "pay": pay}
    await _answer(send, HTTPStatus.PAYMENT_REQUIRED, body, headers)


def _check(price: Drops) -> Drops:
    if price <= 0:
        raise ValueError("a price has to be above zero; what is free has the price None")
    return price


def _header(scope: _Scope, name: bytes) -> str | None:
    """Return a header; None if it is missing, or there are two: who knows which one counts."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


async def _answer(
    send: _Send, status: HTTPStatus, told: Mapping[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    body = msgspec.json.encode({**told, "title": status.phrase, "status": status.value})
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
