"""Files of results, one or several: callbacks as they came or were saved, and printed lines.

Saved callbacks are what ``callbacks --save`` writes, printed lines what ``--json`` does. Other
formats are left to `mavi_async.formats`.
"""

import io
from typing import Final

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._json import InvalidJSON, load
from mavi_async._structure import Malformed
from mavi_async.cli._letters import read_lines, unpack

__all__ = ["read_documents"]

_MOST_NAMED: Final = 10
# A result; a callback as it came, or as it was saved; a printed failure.
_MARKS: Final = ("segments", "code", "received_at", "ok")


@attrs.frozen
class _Document:
    """One of the results in a file."""

    number: int
    text: bytes
    content: dict[str, object]

    @property
    def name(self) -> str:
        names = (self.content.get(each) for each in ("asset_id", "uri", "task_id"))
        return next((each for each in names if isinstance(each, str)), f"line {self.number}")

    def read(self, uri: str | None) -> Diarization:
        if self.content.get("ok") is False:
            raise ConfigurationError(
                f"{self.name} has no result; the job failed: {self.content.get('message')}"
            )
        is_answer = "code" in self.content and "task_id" not in self.content
        if "segments" in self.content or is_answer:
            return Diarization.from_json(self.text.decode(), uri=uri)
        try:
            body = unpack(self.text)
        except (InvalidJSON, Malformed) as error:
            raise ConfigurationError(f"line {self.number} is no callback: {error}") from None
        return Diarization.from_callback(body, uri=uri)


def read_documents(content: bytes, uri: str | None) -> Diarization | None:
    """Read a result; ``None`` where this is a file of another kind.

    Args:
        content: Of the file.
        uri: What to call the recording; of several, the one to read.

    Raises:
        ConfigurationError: If there are several and none is named, or it cannot be read.
        TaskFailed: If it is a callback, and MAVI could not do the job.
        MalformedResult: If it is a callback that cannot be read.
    """
    if content.lstrip()[:1] != b"{":
        return None
    documents: list[_Document] = []
    for number, text in read_lines(io.BytesIO(content)):
        document = _parsed(text)
        if document is None or not any(mark in document for mark in _MARKS):
            if not documents:
                return None
            raise ConfigurationError(f"line {number} is neither a result nor a callback")
        documents.append(_Document(number, text, document))
    return _chosen(documents, uri).read(uri)


def _parsed(text: bytes) -> dict[str, object] | None:
    try:
        document = load(text)
    except InvalidJSON:
        return None
    return document if isinstance(document, dict) else None


def _chosen(documents: list[_Document], uri: str | None) -> _Document:
    if len(documents) == 1:
        return documents[0]
    names = list(dict.fromkeys(document.name for document in documents))
    some = ", ".join(ascii(name[:80])[1:-1] for name in names[:_MOST_NAMED])
    listed = f"{some}, …" if len(names) > _MOST_NAMED else some
    if uri is None:
        raise ConfigurationError(
            f"it holds {len(documents)} results ({listed}): say which one to read with `uri`"
        )
    named = [document for document in documents if document.name == uri]
    if not named:
        raise ConfigurationError(f"it holds no {uri!r}: `uri` is one of {listed}")
    if len(named) > 1:
        lines = ", ".join(str(document.number) for document in named)
        raise ConfigurationError(
            f"it holds several results of {uri!r}, in lines {lines}: "
            "put the one you mean into a file of its own"
        )
    return named[0]
