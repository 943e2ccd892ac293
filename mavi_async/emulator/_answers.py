"""Every body that the API sends, as documented: answers of its endpoints, and callbacks."""

import http
import json
import uuid
from typing import Literal, get_args

import attrs

from mavi_async.emulator._assets import NOTHING, Asset
from mavi_async.emulator._conversation import Conversation
from mavi_async.emulator._faults import Fault

__all__ = [
    "DIALECTS",
    "REJECTIONS",
    "Answer",
    "Dialect",
    "Rejection",
    "callback_body",
    "failed_callback_body",
    "faulty_answer",
    "foreign_callback_body",
    "metadata_data",
    "rejection_answer",
    "storage_refusal",
    "uploaded_metadata_data",
]

Dialect = Literal["0000", "200"]
Rejection = Literal["429", "200", "400"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
REJECTIONS: tuple[Rejection, ...] = get_args(Rejection)

OVER_THE_LIMIT = "Request has exceeded the limit."
_MODEL = "emulator"
_BYTES_PER_SECOND = 16_000
_UPLOADED_MS = "1766989317192"


@attrs.frozen
class Answer:
    """An HTTP answer.

    Attributes:
        status: The HTTP status.
        body: The content.
        media_type: Of the content.
        headers: Others than length and type.
    """

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def to_wire(self) -> bytes:
        """The answer as the bytes of HTTP/1.1, of a connection that closes after it."""
        try:
            phrase = http.HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            f"content-type: {self.media_type}",
            f"content-length: {len(self.body)}",
            "connection: close",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


def json_answer(status: int, document: object) -> Answer:
    """An answer whose content is JSON."""
    return Answer(status, json.dumps(document).encode())


def plain_error(status: int, msg: str) -> Answer:
    """An error whose code is the HTTP status."""
    return json_answer(status, {"code": status, "msg": msg, "data": None})


def bad_parameters(msg: str) -> Answer:
    """The error of a body that lacks what the endpoint requires."""
    document = {"code": "0003", "msg": msg, "data": None, "success": False, "failed": True}
    return json_answer(400, document)


def success_answer(dialect: Dialect, data: object) -> Answer:
    """The envelope of success."""
    document = {
        "code": _success_code(dialect),
        "msg": "success",
        "data": data,
        "failed": False,
        "success": True,
    }
    return json_answer(200, document)


def rejection_answer(shape: Rejection) -> Answer:
    """What the rate limit says, in one of its three shapes."""
    if shape == "429":
        return plain_error(429, "Rate limit exceeded")
    if shape == "400":
        return plain_error(400, OVER_THE_LIMIT)
    document = {
        "code": "0429",
        "msg": OVER_THE_LIMIT,
        "data": None,
        "success": False,
        "failed": True,
    }
    return json_answer(200, document)


def storage_refusal(status: int, code: str) -> Answer:
    """What the storage behind signed URLs says: XML, and no envelope."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return Answer(status, body.encode(), "application/xml")


_ERRORS = {
    "400": (400, OVER_THE_LIMIT),
    "401": (401, "Unauthorized"),
    "402": (402, "Insufficient credits"),
    "403": (403, "Account disabled"),
    "429": (429, "Rate limit exceeded"),
}


def faulty_answer(fault: Fault, path: str) -> Answer:
    """The answer that a fault puts in the place of the ordinary one."""
    headers = (("retry-after", fault.retry_after),) if fault.retry_after is not None else ()
    if fault.kind == "answer":
        return Answer(fault.status, (fault.body or "").encode(), headers=fault.headers)
    if fault.kind == "html":
        page = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
        return Answer(200, page.encode(), "text/html; charset=utf-8")
    if fault.kind == "503":
        return attrs.evolve(_unavailable(path), headers=headers)
    status, msg = _ERRORS.get(fault.kind, (500, "Internal Server Error"))
    return attrs.evolve(plain_error(status, msg), headers=headers)


def _unavailable(path: str) -> Answer:
    """The shape of the infrastructure in front of the API."""
    document = {
        "timestamp": "2026-07-20T08:00:00.000+00:00",
        "path": path,
        "status": 503,
        "error": "Service Unavailable",
        "requestId": f"{uuid.uuid4().hex[:8]}-1",
    }
    return json_answer(503, document)


def segment_documents(conversation: Conversation) -> list[dict[str, object]]:
    """The segments as they stand in results."""
    return [attrs.asdict(segment) for segment in conversation.segments]


def transcription_data(conversation: Conversation) -> dict[str, object]:
    """The ``data`` of the synchronous endpoint."""
    return {"model": _MODEL, "items": segment_documents(conversation)}


def metadata_data(
    asset_id: str, conversation: Conversation, status: str | None = None
) -> dict[str, object]:
    """The ``data`` of an asset's metadata, in which numbers are text."""
    resource = {
        "extension": "mp4",
        "asset_id": asset_id,
        "original_filename": asset_id,
        "file_size": str(round(conversation.duration * _BYTES_PER_SECOND)),
        "upload_status": status or "SUCCESS",
        "create_time": _UPLOADED_MS,
        "modify_time": _UPLOADED_MS,
    }
    return {"total": 1, "resource": [resource]}


def uploaded_metadata_data(asset: Asset, status: str) -> dict[str, object]:
    """The same of an asset that was uploaded here."""
    resource = {
        "extension": asset.extension,
        "asset_id": asset.asset_id,
        "original_filename": asset.stem,
        "file_size": str((asset.content or NOTHING).size),
        "upload_status": status,
        "create_time": str(asset.created_ms),
        "modify_time": str(asset.modified_ms),
    }
    return {"total": 1, "resource": [resource]}


def callback_body(dialect: Dialect, task_id: str, conversation: Conversation) -> dict[str, object]:
    """The callback of a job that succeeded."""
    result = {"data": segment_documents(conversation), "usage_metadata": _usage(conversation)}
    return _callback(
        _success_code(dialect),
        "SUCCESS",
        task_id,
        result,
        "Speech diarization completed successfully",
    )


def failed_callback_body(task_id: str) -> dict[str, object]:
    """The callback of a job that failed."""
    return _callback("0001", "FAILED", task_id, None, "Speech diarization failed")


def foreign_callback_body(dialect: Dialect, number: int) -> dict[str, object]:
    """The callback of another kind of job, under a task id of its own; the kinds alternate."""
    if number % 2:
        return {
            "code": _success_code(dialect),
            "message": "SUCCESS",
            "data": {"asset_id": f"re_{uuid.uuid4().int % 10**18:018d}", "status": "SUCCESS"},
            "task_id": uuid.uuid4().hex,
        }
    text = "Two people talk about the weather."
    usage = {"duration": 0.0, "model": _MODEL, "output_tokens": 9, "prompt_tokens": 120}
    result = {"text": text, "usage_metadata": usage}
    return _callback(
        _success_code(dialect),
        "SUCCESS",
        uuid.uuid4().hex,
        result,
        "Summary completed successfully",
    )


def _callback(
    code: str | int, message: str, task_id: str, result: object, msg: str
) -> dict[str, object]:
    data = {"data": result, "msg": msg, "success": message == "SUCCESS"}
    return {"code": code, "message": message, "data": data, "task_id": task_id}


def _usage(conversation: Conversation) -> dict[str, object]:
    return {
        "duration": conversation.duration,
        "model": _MODEL,
        "output_tokens": 0,
        "prompt_tokens": 0,
    }


def _success_code(dialect: Dialect) -> str | int:
    return "0000" if dialect == "0000" else 200
