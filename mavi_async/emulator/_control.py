"""The emulator's own endpoints, for tests in other processes. They need no key."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mavi_async._errors import ConfigurationError
from mavi_async.emulator._admission import Admission
from mavi_async.emulator._callbacks import Courier
from mavi_async.emulator._faults import FaultPlan, read_faults
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._requests import read_json
from mavi_async.emulator._settings import check_webhook_url

__all__ = ["CONTROL_PATH", "Control"]

CONTROL_PATH = "/_emulator"


class Control:
    """Shows and steers what an emulator does.

    Bodies must say ``application/json``, which keeps a page in somebody's browser from steering
    it: a browser asks first before it sends that to another origin.
    """

    def __init__(
        self, admission: Admission, ledger: Ledger, plan: FaultPlan, courier: Courier
    ) -> None:
        self._admission = admission
        self._ledger = ledger
        self._plan = plan
        self._courier = courier

    def routes(self) -> list[Route]:
        """The endpoints, under their full paths."""
        return [
            Route(f"{CONTROL_PATH}/state", self.state, methods=["GET"]),
            Route(f"{CONTROL_PATH}/faults", self.inject, methods=["POST"]),
            Route(f"{CONTROL_PATH}/webhook", self.set_webhook, methods=["PUT"]),
            Route(f"{CONTROL_PATH}/reset", self.reset, methods=["POST"]),
        ]

    async def state(self, _request: Request) -> Response:
        """Show what has happened."""
        return self._state()

    async def inject(self, request: Request) -> Response:
        """Add the fault, or the list of faults, in the body."""
        self._plan.add(*read_faults(await read_json(request)))
        return self._state()

    async def set_webhook(self, request: Request) -> Response:
        """Set the webhook to the ``url`` in the body; null is none."""
        document = await read_json(request)
        if not isinstance(document, dict) or set(document) != {"url"}:
            raise ConfigurationError('the body must be {"url": …}')
        self._ledger.webhook_url = check_webhook_url(document["url"])
        return self._state()

    async def reset(self, _request: Request) -> Response:
        """Forget jobs, assets, faults and limits, and give up callbacks; the webhook stays."""
        await self._courier.cancel()
        self._ledger.clear()
        self._plan.clear()
        self._admission.refill()
        return self._state()

    def _state(self) -> Response:
        return JSONResponse({**self._ledger.to_document(), "faults_planned": len(self._plan)})


async def answer_wrong_request(_request: Request, error: Exception) -> Response:
    """Say what is wrong with a control request."""
    return JSONResponse({"error": str(error)}, status_code=400)
