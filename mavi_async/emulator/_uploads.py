"""The endpoints about assets: upload, signed URL, metadata, and the storage behind a signed URL."""

import time
import uuid
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mavi_async.emulator._admission import Admission
from mavi_async.emulator._answers import (
    Answer,
    bad_parameters,
    metadata_data,
    storage_refusal,
    success_answer,
    uploaded_metadata_data,
)
from mavi_async.emulator._assets import EXTENSIONS, Asset, Received, Via
from mavi_async.emulator._faults import Fault, FaultPlan
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._library import Library
from mavi_async.emulator._multipart import FileReader
from mavi_async.emulator._requests import Refused, read_json
from mavi_async.emulator._settings import Settings

__all__ = ["STORAGE_PATH", "UploadApi"]

STORAGE_PATH = "/_storage"


class UploadApi:
    """Takes files as MAVI does, and says what has become of them.

    Args:
        settings: The account and its habits.
        library: What is known of each asset.
        ledger: Where it writes down what happens.
        plan: What is to go wrong.
        admission: Who may come in.
    """

    def __init__(
        self,
        settings: Settings,
        library: Library,
        ledger: Ledger,
        plan: FaultPlan,
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._library = library
        self._ledger = ledger
        self._plan = plan
        self._admission = admission

    def routes(self, base: str) -> list[Route]:
        """The endpoints, under their full paths."""
        return [
            Route(f"{base}/upload", self.upload, methods=["POST"]),
            Route(f"{base}/upload/signed-url", self.sign, methods=["POST"]),
            Route(f"{base}/{{asset_id}}/metadata", self.describe, methods=["GET"]),
            Route(f"{STORAGE_PATH}/{{asset_id}}", self.store, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Take a file."""
        self._admission.admit(request, "upload")
        fault = self._plan.take_request("upload", None)
        content = await _receive(request, fault)
        if content is None or _is_in_the_way(fault):
            return self._admission.answer(request, fault, None)
        asset = self._open_asset(content.filename, "direct")
        asset.arrived(content)
        return self._admission.answer(request, fault, self._success({"asset_id": asset.asset_id}))

    async def sign(self, request: Request) -> Response:
        """Give out a URL that takes one file without a key."""
        self._admission.admit(request, "signed-url")
        document = await read_json(request)
        fault = self._plan.take_request("signed-url", None)
        if _is_in_the_way(fault):
            return self._admission.answer(request, fault, None)
        filename = document.get("original_filename") if isinstance(document, dict) else None
        if not isinstance(filename, str) or not filename:
            raise Refused(bad_parameters("The parameter original_filename must be text."))
        asset = self._open_asset(filename, "signed-url")
        data = {
            "asset_id": asset.asset_id,
            "signed_url": str(
                request.url.replace(
                    path=f"{STORAGE_PATH}/{asset.asset_id}", query=f"signature={asset.signature}"
                )
            ),
            "expires_in": round(self._settings.signed_url_seconds),
        }
        return self._admission.answer(request, fault, self._success(data))

    async def store(self, request: Request) -> Response:
        """Take the file of a signed URL; the API's key has no business here."""
        asset = self._ledger.assets.get(request.path_params["asset_id"])
        if "authorization" in request.headers:
            raise Refused(storage_refusal(400, "InvalidArgument"))
        if asset is None or request.query_params.get("signature") != asset.signature:
            raise Refused(storage_refusal(403, "SignatureDoesNotMatch"))
        if time.monotonic() >= asset.expires_at:
            raise Refused(storage_refusal(403, "AccessDenied"))
        fault = self._plan.take_request("storage", asset.asset_id)
        content = await _receive(request, fault)
        if content is None or _is_in_the_way(fault):
            return self._admission.answer(request, fault, None)
        asset.arrived(content)
        return self._admission.answer(request, fault, Answer(204, b""))

    async def describe(self, request: Request) -> Response:
        """Answer with what is known of an asset; one that nobody uploaded is there as well."""
        self._admission.admit(request, "metadata")
        asset_id = request.path_params["asset_id"]
        fault = self._plan.take_request("metadata", asset_id)
        status = None
        if fault is not None and fault.kind == "status":
            status, fault = fault.upload_status, None
        if fault is not None and fault.kind != "drip":
            return self._admission.answer(request, fault, None)
        self._library.check_known(asset_id)
        answer = self._success(self._metadata(asset_id, status))
        return self._admission.answer(request, fault, answer)

    def _metadata(self, asset_id: str, status: str | None) -> dict[str, object]:
        asset = self._ledger.assets.get(asset_id)
        if asset is None:
            return metadata_data(asset_id, self._library.conversation(asset_id), status)
        processing = self._settings.upload_delay
        return uploaded_metadata_data(asset, status or asset.status(processing))

    def _open_asset(self, filename: str, via: Via) -> Asset:
        if PurePath(filename).suffix.removeprefix(".").lower() not in EXTENSIONS:
            raise Refused(bad_parameters("The file format is not supported."))
        asset_id = f"re_{uuid.uuid4().int % 10**18:018d}"
        expires_at = time.monotonic() + self._settings.signed_url_seconds
        asset = self._ledger.assets[asset_id] = Asset(asset_id, filename, via, expires_at)
        return asset

    def _success(self, data: dict[str, object]) -> Answer:
        return success_answer(self._settings.envelope, data)


def _is_in_the_way(fault: Fault | None) -> bool:
    return fault is not None and not (fault.creates_job or fault.kind == "drip")


async def _receive(request: Request, fault: Fault | None) -> Received | None:
    """Read the file; ``None`` where a fault cuts it off."""
    most = None if fault is None else fault.after_received
    reader = FileReader(request.headers)
    received = 0
    if most == 0:
        return None
    async for chunk in request.stream():
        received += len(chunk)
        reader.feed(chunk)
        if most is not None and received >= most:
            return None
    return reader.finish()
