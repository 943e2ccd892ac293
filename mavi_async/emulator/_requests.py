"""Reading requests and writing answers, for the API and for the emulator's own endpoints."""

import json

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mavi_async.emulator._answers import Answer, bad_parameters, plain_error

__all__ = ["Refused", "answer_gone", "answer_refused", "read_json", "to_response"]

_MAX_BODY_BYTES = 1_048_576


class Refused(Exception):
    """Raised to answer a request at once; no error of this program."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


async def read_json(request: Request) -> object:
    """Read a bounded JSON body.

    Raises:
        Refused: It is too large, of another type, or not JSON.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refused(plain_error(415, "Content-Type must be application/json"))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise Refused(bad_parameters("The request body is too large."))
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(bad_parameters("The request body is not valid JSON.")) from None
    return document


def to_response(answer: Answer) -> Response:
    """An answer in the form that is sent."""
    return Response(
        answer.body,
        answer.status,
        headers=dict(answer.headers),
        media_type=answer.media_type,
    )


async def answer_refused(_request: Request, error: Exception) -> Response:
    """Send the answer that was raised."""
    assert isinstance(error, Refused)  # noqa: S101 - tells type checkers
    return to_response(error.answer)


async def answer_gone(_request: Request, error: Exception) -> Response:
    """End a request whose sender left in the middle of it; nobody reads this."""
    assert isinstance(error, ClientDisconnect)  # noqa: S101 - tells type checkers
    return Response(status_code=400)
