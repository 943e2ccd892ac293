"""What has happened: jobs, assets, requests, deliveries; written by the server, read by anybody."""

import uuid
from typing import Literal

import attrs

from mavi_async.emulator._assets import Asset
from mavi_async.emulator._faults import Fault

__all__ = ["Attempt", "Job", "Ledger"]

JobStatus = Literal["running", "held", "delivering", "delivered", "undelivered", "dropped"]


@attrs.frozen
class Attempt:
    """One POST to the webhook.

    Attributes:
        label: What was sent: ``result``, ``conflict`` or ``foreign``.
        sent_at: Seconds of the monotonic clock.
        status: The answer's HTTP status, or ``None`` where there was no answer.
        error: Why there was no answer.
    """

    label: str
    sent_at: float
    status: int | None = None
    error: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver answered 2xx."""
        return self.status is not None and 200 <= self.status < 300


@attrs.define
class Job:
    """One accepted job.

    Attributes:
        number: Its place in the order of acceptance, from 1.
        asset_id: What was submitted.
        task_id: What it was answered with.
        faults: What goes wrong with its callback, by kind.
        status: ``running`` until its callback is due, perhaps ``held`` then, ``delivering``, and
            at last ``delivered``, ``undelivered`` (tries used up) or ``dropped``.
        attempts: Every POST made for it.
    """

    number: int
    asset_id: str
    task_id: str
    faults: dict[str, Fault]
    status: JobStatus = "running"
    attempts: list[Attempt] = attrs.field(factory=list)

    def to_document(self) -> dict[str, object]:
        """The job as JSON shows it."""
        return {
            "task_id": self.task_id,
            "asset_id": self.asset_id,
            "status": self.status,
            "callbacks": [attrs.asdict(attempt) for attempt in list(self.attempts)],
        }


@attrs.define
class Ledger:
    """The account's history. Only the server's thread writes; reading needs no lock.

    Attributes:
        webhook_url: Where callbacks go, looked up at each try.
        upload_delay: Seconds that an upload is processed.
        jobs: Every job, in the order of acceptance.
        assets: Every upload and signed URL, in order, by asset id.
        submit_times: When each request that the limiter let pass arrived, on the monotonic clock.
        rejection_times: The same of each one that was told to slow down.
    """

    webhook_url: str | None
    upload_delay: float = 0.0
    jobs: list[Job] = attrs.field(factory=list)
    assets: dict[str, Asset] = attrs.field(factory=dict)
    submit_times: list[float] = attrs.field(factory=list)
    rejection_times: list[float] = attrs.field(factory=list)

    def open_job(self, asset_id: str, faults: dict[str, Fault]) -> Job:
        """Record a new job under a task id of its own."""
        job = Job(len(self.jobs) + 1, asset_id, uuid.uuid4().hex, faults)
        self.jobs.append(job)
        return job

    def clear(self) -> None:
        """Forget the history; the webhook stays."""
        self.jobs.clear()
        self.assets.clear()
        self.submit_times.clear()
        self.rejection_times.clear()

    def to_document(self) -> dict[str, object]:
        """The history as JSON shows it."""
        return {
            "jobs_created": len(self.jobs),
            "rejections": len(self.rejection_times),
            "submit_times": list(self.submit_times),
            "rejection_times": list(self.rejection_times),
            "webhook_url": self.webhook_url,
            "jobs": [job.to_document() for job in list(self.jobs)],
            "assets": [
                asset.to_document(self.upload_delay) for asset in list(self.assets.values())
            ],
        }
