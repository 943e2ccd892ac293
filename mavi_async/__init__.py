"""Await MAVI speaker identification jobs: submit, be called back, get the result."""

from mavi_async._asset import Asset
from mavi_async._asset_task import AssetTask
from mavi_async._batch import Batch, BatchRecording
from mavi_async._batch_records import BatchOutcome, BatchProgress, BatchStage, BatchState
from mavi_async._client import MaviClient
from mavi_async._cost import CostEstimate, estimate_cost
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import (
    ApiError,
    AssetError,
    AssetFailed,
    AssetTimeout,
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    DispatcherClosed,
    MalformedResult,
    MaviError,
    OutOfCredits,
    PacingTimeout,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StoreError,
    SubmitOutcomeUnknown,
    TaskError,
    TaskFailed,
    TaskStateError,
    TaskTimeout,
    WebhookNotConfigured,
)
from mavi_async._receiver import CallbackLimits
from mavi_async._records import Delivery, Intent, Pacing, Submission, Unmatched
from mavi_async._segments import Overlap, SpeakerSegment, TimeSpan, Usage
from mavi_async._task import SpeakerTask
from mavi_async.stores import MemoryStore, SQLiteStore, TaskStore

__all__ = [
    "ApiError",
    "Asset",
    "AssetError",
    "AssetFailed",
    "AssetTask",
    "AssetTimeout",
    "AuthenticationError",
    "Batch",
    "BatchOutcome",
    "BatchProgress",
    "BatchRecording",
    "BatchStage",
    "BatchState",
    "CallbackLimits",
    "ClientClosed",
    "ConfigurationError",
    "CostEstimate",
    "Delivery",
    "Diarization",
    "Dispatcher",
    "DispatcherClosed",
    "Intent",
    "MalformedResult",
    "MaviClient",
    "MaviError",
    "MemoryStore",
    "OutOfCredits",
    "Overlap",
    "Pacing",
    "PacingTimeout",
    "RateLimited",
    "RequestRejected",
    "SQLiteStore",
    "ServiceUnavailable",
    "SpeakerSegment",
    "SpeakerTask",
    "StoreError",
    "Submission",
    "SubmitOutcomeUnknown",
    "TaskError",
    "TaskFailed",
    "TaskStateError",
    "TaskStore",
    "TaskTimeout",
    "TimeSpan",
    "Unmatched",
    "Usage",
    "WebhookNotConfigured",
    "estimate_cost",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("mavi-async")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
