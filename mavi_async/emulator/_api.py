"""The two speaker endpoints."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mavi_async.emulator._admission import Admission
from mavi_async.emulator._answers import (
    Answer,
    bad_parameters,
    plain_error,
    success_answer,
    transcription_data,
)
from mavi_async.emulator._callbacks import Courier
from mavi_async.emulator._faults import FaultPlan
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._library import Library
from mavi_async.emulator._parcels import Parcel, pack
from mavi_async.emulator._requests import Refused, read_json
from mavi_async.emulator._settings import Settings

__all__ = ["API_PATH", "SpeakerApi"]

API_PATH = "/serve/api/v2"


class SpeakerApi:
    """Answers the two speaker endpoints as MAVI does.

    Args:
        settings: The account and its habits.
        library: What is known of each asset.
        ledger: Where it writes down what happens.
        plan: What is to go wrong.
        courier: Who delivers the callbacks.
        admission: Who may come in.
    """

    def __init__(
        self,
        settings: Settings,
        library: Library,
        ledger: Ledger,
        plan: FaultPlan,
        courier: Courier,
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._library = library
        self._ledger = ledger
        self._plan = plan
        self._courier = courier
        self._admission = admission

    def routes(self, base: str) -> list[Route]:
        """The endpoints, under their full paths."""
        jobs = f"{base}/transcriptions"
        return [
            Route(f"{jobs}/async-generate-speaker", self.submit, methods=["POST"]),
            Route(f"{jobs}/sync-generate-speaker", self.transcribe, methods=["POST"]),
        ]

    async def submit(self, request: Request) -> Response:
        """Accept a job whose result is called back."""
        # Before the body is read: the limit counts arrivals, and a slow body must not shift them.
        self._admission.admit(request, "submit")
        self._ledger.submit_times.append(request.state.arrived)
        asset_id = await _read_asset_id(request)
        fault = self._plan.take_submit(asset_id)
        if fault is not None and not (fault.creates_job or fault.kind == "drip"):
            return self._admission.answer(request, fault, None)
        if self._ledger.webhook_url is None:
            raise Refused(plain_error(400, "An async request requires at least one webhook."))
        self._library.check_usable(asset_id)
        answer = await self._open_job(asset_id)
        return self._admission.answer(request, fault, answer)

    async def transcribe(self, request: Request) -> Response:
        """Answer with the result at once."""
        self._admission.admit(request, "transcribe")
        asset_id = await _read_asset_id(request)
        fault = self._plan.take_submit(asset_id)
        self._library.check_usable(asset_id)
        data = transcription_data(self._library.conversation(asset_id))
        answer = success_answer(self._settings.envelope, data)
        return self._admission.answer(request, fault, answer)

    async def _open_job(self, asset_id: str) -> Answer:
        job = self._ledger.open_job(asset_id, self._plan.take_callback(asset_id))
        dialect = self._settings.envelope

        def pack_callbacks() -> list[list[Parcel]]:
            return pack(dialect, job.task_id, self._library.conversation(asset_id), job.faults)

        carried = self._courier.dispatch(job, pack_callbacks)
        if "early" in job.faults:
            await asyncio.wait([carried])
        return success_answer(dialect, {"task_id": job.task_id})


async def _read_asset_id(request: Request) -> str:
    document = await read_json(request)
    asset_id = document.get("asset_id") if isinstance(document, dict) else None
    if not isinstance(asset_id, str) or not asset_id:
        raise Refused(bad_parameters("The parameter asset_id must be a non-empty string."))
    return asset_id
