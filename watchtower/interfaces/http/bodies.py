"""Bodies with claims, in whichever form the request says.

What it guarantees: our own form is held to its types as the OpenAPI document tells them, all of a
request or nothing. In another form each document stands for itself, an object or a string of JSON;
what is no claim among them is answered as such, beside those that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from litestar.dto import AbstractDTO
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from typing_extensions import override

from watchtower.claims.formats.registry import FORMATS, PLAIN, Read
from watchtower.claims.given import Given
from watchtower.claims.message import ClaimMessage, claim_of
from watchtower.errors import InputError
from watchtower.interfaces.http.messages import MOST_CLAIMS, AnswerMessage, Claims, refusal_of

__all__ = ["ClaimsBody", "Handed"]

_PLAIN: Final = msgspec.json.Decoder(Claims)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NONE: Final = ClaimMessage(channel="", amount="", signature="")
"""Stands in the answer to a document that could not be read: it names no channel."""


class Handed(NamedTuple):
    """What a request hands over: each is a claim, or the answer to what is none."""

    each: Sequence[Given | AnswerMessage]
    is_list: bool


class ClaimsBody(AbstractDTO[Any]):
    """Reads the body of a request by its parameter ``format``."""

    @override
    def decode_bytes(self, value: bytes) -> Handed:
        """Return what a body hands over.

        Raises:
            ClientException: it is not in the form that the request says.
            RequestEntityTooLarge: it is more than is taken together.
        """
        name = self.asgi_connection.query_params.get("format", PLAIN)
        read = FORMATS.get(name)
        if read is None:
            raise ClientException(
                f"There is no such format. Those there are: {', '.join(FORMATS)}."
            )
        try:
            return _plain(value) if name == PLAIN else _documents(value, read)
        except ValueError as wrong:  # msgspec's errors, and what is not UTF-8
            raise ClientException(f"The body cannot be read: {wrong}.") from None

    @classmethod
    @override
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,
    ) -> None:
        """Need no code to be made: nothing is transferred field by field."""

    @classmethod
    @override
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Tell our own form in all its types, and of the others that they are documents."""
        return Schema(
            any_of=[
                schema_creator.for_field_definition(FieldDefinition.from_annotation(one))
                for one in (ClaimMessage, list[ClaimMessage], _Document, list[_Document])
            ],
            description=(
                "A claim or several. In another `format` than `json`: documents of that form, "
                "each an object, or a string where the form is text."
            ),
        )

    @classmethod
    @override
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        """Have no fields of its own."""
        yield from ()

    @classmethod
    @override
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Have none that could be nested."""
        return False


_Document = dict[str, Any] | str


def _plain(body: bytes) -> Handed:
    found = _PLAIN.decode(body)
    messages = found if isinstance(found, list) else [found]
    _bound(messages)
    return Handed([_claim_of(message) for message in messages], isinstance(found, list))


def _documents(body: bytes, read: Read) -> Handed:
    is_list = body.lstrip()[:1] == b"["
    found = _LIST.decode(body) if is_list else [msgspec.json.decode(body, type=msgspec.Raw)]
    _bound(found)
    documents = [bytes(one).strip() for one in found]
    if any(document[:1] not in {b"{", b'"'} for document in documents):
        raise ClientException("A document is an object, or a string.")
    return Handed([_read(document, read) for document in documents], is_list)


def _bound(found: Sequence[object]) -> None:
    if len(found) > MOST_CLAIMS:
        raise RequestEntityTooLarge(detail=f"Hand over {MOST_CLAIMS} claims at a time at most.")


def _claim_of(message: ClaimMessage) -> Given | AnswerMessage:
    try:
        return claim_of(message)
    except InputError as wrong:
        return refusal_of(message, wrong)


def _read(document: bytes, read: Read) -> Given | AnswerMessage:
    try:
        return read(document)
    except InputError as wrong:
        return refusal_of(_NONE, wrong)
