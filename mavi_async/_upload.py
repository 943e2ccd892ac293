"""Sending a file to MAVI: directly, or to a signed URL, which may be another company's storage.

Nothing is billed for that, so a file is sent again wherever that may help, if it can be read
again. Where an answer is lost, an asset may stay behind that nobody uses.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, cast, get_args

import attrs

from mavi_async._answers import Attempt, Outcome, Reply
from mavi_async._asset_wire import SignedUpload, read_signed_upload, sign_body, uploaded_asset_id
from mavi_async._endpoints import SIGN, UPLOAD, Endpoints
from mavi_async._errors import ConfigurationError
from mavi_async._file_content import FileContent, checked_progress
from mavi_async._multipart import Form
from mavi_async._questions import Questions
from mavi_async._retry import next_free_try
from mavi_async._signed_url import classify_storage, may_have_expired, storage_error
from mavi_async._source import OnProgress, Recording, Source, check_file, name_of, opened
from mavi_async._turn import Turn

__all__ = ["Upload", "Via", "checked_via"]

log = logging.getLogger("mavi_async")

Via = Literal["direct", "signed-url"]

_LARGE_BYTES: Final = 100 * 1024 * 1024
_SIGN_SECONDS: Final = 30.0
_MOST_URLS: Final = 2


def checked_via(value: object) -> Via | None:
    """Return a way of uploading.

    Raises:
        ConfigurationError: If there is no such way.
    """
    if value is None:
        return None
    for each in get_args(Via):
        if value == each:
            return cast("Via", each)
    raise ConfigurationError('via is "direct", "signed-url", or None for what fits the size')


@attrs.frozen
class Upload:
    """One file to be uploaded.

    Attributes:
        recording: The file.
        filename: What it is called; ``None`` for as its path or file says.
        via: Which way; ``None`` for the signed URL where the file is large.
        on_progress: Told how far it has come.
    """

    recording: Recording = attrs.field(repr=False)
    filename: str | None
    via: Via | None = attrs.field(converter=checked_via)
    on_progress: OnProgress | None = attrs.field(converter=checked_progress)

    async def run(self, endpoints: Endpoints) -> str:
        """Upload it and return its asset id.

        Raises:
            ConfigurationError: If the file cannot be used.
            ApiError: If it was not taken.
            ClientClosed: If the client is closed meanwhile.
        """
        # What cannot be sent waits for no turn.
        name_of(self.recording, self.filename)
        await check_file(self.recording, endpoints.looking)
        async with endpoints.uploading, opened(self.recording, self.filename) as source:
            is_large = source.size is not None and source.size > _LARGE_BYTES
            via = self.via or ("signed-url" if is_large else "direct")
            content = partial(self._content, source)
            if via == "direct":
                return await _Direct(endpoints.questions(UPLOAD), source, content).run()
            return await _Signed(endpoints.questions(SIGN), source, content).run()

    def _content(self, source: Source) -> FileContent:
        return FileContent(source, Form(source.filename, uuid.uuid4().hex), self.on_progress)


@attrs.frozen
class _Direct:
    """The way through the API."""

    questions: Questions
    source: Source
    content: Callable[[], FileContent]

    async def run(self) -> str:
        return await self.questions.ask(
            self._send,
            self.questions.transport.endpoint(UPLOAD),
            uploaded_asset_id,
            may_repeat=lambda: self.source.may_be_read,
        )

    async def _send(self, turn: Turn) -> Attempt:
        # Taken for jitter, a long body would hold up all that is behind it.
        turn.is_timed = False
        await self.source.rewind()
        return await self.questions.transport.upload(
            UPLOAD, self.content(), before_leaving=turn.hold, on_leaving=turn.left
        )


@attrs.frozen
class _Signed:
    """The way past the API, to a URL that it signs."""

    questions: Questions
    source: Source
    content: Callable[[], FileContent]

    async def run(self) -> str:
        urls = tries = 0
        while True:
            signed, expires_at = await self._sign(), time.monotonic()
            expires_at += signed.expires_in
            urls += 1
            while True:
                attempt = await self._store(signed)
                if classify_storage(attempt) is Outcome.ACCEPTED:
                    return signed.asset_id
                tries += 1
                is_over = may_have_expired(attempt) or time.monotonic() > expires_at
                if is_over and urls < _MOST_URLS and self._may_repeat:
                    break
                await self._rest(attempt, tries, signed)

    @property
    def _may_repeat(self) -> bool:
        return self.questions.retry != "never" and self.source.may_be_read

    async def _sign(self) -> SignedUpload:
        transport = self.questions.transport
        return await self.questions.ask(
            lambda turn: transport.post(
                SIGN,
                sign_body(self.source.filename),
                deadline=_SIGN_SECONDS,
                before_leaving=turn.hold,
                on_leaving=turn.left,
            ),
            transport.endpoint(SIGN),
            lambda envelope: read_signed_upload(envelope, base_url=transport.base_url),
        )

    async def _store(self, signed: SignedUpload) -> Attempt:
        await self.source.rewind()
        return await self.questions.transport.upload_to(signed.url, self.content())

    async def _rest(self, attempt: Attempt, tries: int, signed: SignedUpload) -> None:
        """Wait before the next try; raise the error if there is none."""
        again = next_free_try(
            attempt,
            classify_storage(attempt),
            tries=tries,
            policy=self.questions.retry,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            now=time.time(),
            is_paced=False,
        )
        if again is None or not self.source.may_be_read:
            raise storage_error(attempt, signed.url, now=time.time())
        why = f"HTTP {attempt.status}" if isinstance(attempt, Reply) else attempt.reason
        log.info("uploading to %s again in %.1f s: %s", signed.url.host, again.delay, why)
        await self.questions.gate.rest(again.delay)
