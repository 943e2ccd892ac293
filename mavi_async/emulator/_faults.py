"""What can be made to go wrong, and for whom."""

import threading
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import attrs

from mavi_async._errors import ConfigurationError

__all__ = ["Fault", "FaultKind", "FaultPlan", "read_faults"]

SubmitFaultKind = Literal[
    "400",
    "401",
    "402",
    "403",
    "429",
    "500",
    "503",
    "answer",
    "close",
    "drip",
    "hang",
    "html",
    "reset",
]
MetadataFaultKind = Literal["status"]
CallbackFaultKind = Literal[
    "conflict",
    "delay",
    "drop",
    "duplicate",
    "early",
    "fail",
    "foreign",
    "malformed",
    "reorder",
]
FaultKind = SubmitFaultKind | MetadataFaultKind | CallbackFaultKind
Endpoint = Literal["speaker", "upload", "signed-url", "storage", "metadata"]
MalformedVariant = Literal["no_task_id", "not_json", "wrong_schema"]

SUBMIT_KINDS: tuple[SubmitFaultKind, ...] = get_args(SubmitFaultKind)
CALLBACK_KINDS: tuple[CallbackFaultKind, ...] = get_args(CallbackFaultKind)
METADATA_KINDS: tuple[MetadataFaultKind, ...] = get_args(MetadataFaultKind)
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)
_KINDS = (*SUBMIT_KINDS, *METADATA_KINDS, *CALLBACK_KINDS)
_VARIANTS: tuple[MalformedVariant, ...] = get_args(MalformedVariant)


def _header_pairs(
    headers: Mapping[str, str] | tuple[tuple[str, str], ...],
) -> tuple[tuple[str, str], ...]:
    return headers if isinstance(headers, tuple) else tuple(headers.items())


@attrs.frozen
class Fault:
    """Something to go wrong, a number of times.

    Of each request, the oldest fault that fits is used up; of each accepted job, the oldest of
    every callback kind, so that callback faults combine. The rate limit comes first: a request
    that it refuses uses up no fault.

    Faults of a request, on either speaker endpoint or on the ``endpoint`` that they name:

    - ``400`` (the ambiguous text), ``401``, ``402``, ``403``, ``429``, ``500``, ``503`` (the
      shape of the infrastructure), ``html`` (a page with status 200): that answer.
    - ``answer``: the answer that ``status``, ``headers`` and ``body`` spell out.
    - ``reset``, ``close``, ``hang``: after ``after_bytes`` of the answer, the connection is reset
      (a TCP RST), closed, or left open in silence.
    - ``drip``: the ordinary answer, one byte every ``seconds``.

    Fault of an asset's metadata:

    - ``status``: its ``upload_status`` is what ``upload_status`` says.

    Faults of a job's callback:

    - ``delay``: sent ``seconds`` later. ``early``: sent, and answered, before the submit's answer.
    - ``duplicate``: sent ``copies`` times, at the same moment.
    - ``reorder``: held until a later job's callback has gone out, or nothing else has been
      pending for ``seconds``.
    - ``drop``: never sent. ``fail``: reports a failed job.
    - ``conflict``: followed by a second body that differs.
    - ``malformed``: replaced by what ``variant`` says, or by ``body``.
    - ``foreign``: in the midst of ``copies`` callbacks of the account's other kinds of jobs.

    Attributes:
        kind: What goes wrong.
        endpoint: ``speaker``, ``upload``, ``signed-url``, ``storage`` (what a signed URL leads
            to) or ``metadata``. Callbacks and ``status`` have no need of it.
        asset_id: Only for this asset; ``None`` is the next one, whichever it is. An upload has
            none yet.
        times: How often; ``None`` is always.
        seconds: Of ``delay``, ``drip`` and ``reorder``; ``None`` is 1 s, 10 ms, and two intervals
            of the rate (at least 0.5 s).
        copies: Of ``duplicate`` and ``foreign``, in all.
        creates_job: True creates the job, whose callback follows, although the answer of the
            submit does not say so. ``drip`` always does. Of an upload, the same of its asset.
        after_received: Of an upload: how much of the request's body to read first; ``None`` is
            all of it.
        after_bytes: How much of the raw HTTP answer to send first.
        retry_after: The ``Retry-After`` header of ``429`` and ``503``, any text.
        variant: Of ``malformed``.
        upload_status: Of ``status``, any text.
        status: Of ``answer``.
        headers: Of ``answer``; a mapping or pairs.
        body: Of ``answer``, ``malformed`` and ``conflict``; ``$TASK_ID`` in it stands for the
            job's own.
    """

    kind: FaultKind
    endpoint: Endpoint = attrs.field(default="speaker", kw_only=True)
    asset_id: str | None = attrs.field(default=None, kw_only=True)
    times: int | None = attrs.field(default=1, kw_only=True)
    seconds: float | None = attrs.field(default=None, kw_only=True)
    copies: int = attrs.field(default=2, kw_only=True)
    creates_job: bool = attrs.field(default=False, kw_only=True)
    after_bytes: int = attrs.field(default=0, kw_only=True)
    after_received: int | None = attrs.field(default=None, kw_only=True)
    retry_after: str | None = attrs.field(default=None, kw_only=True)
    variant: MalformedVariant = attrs.field(default="not_json", kw_only=True)
    upload_status: str = attrs.field(default="FAILED", kw_only=True)
    status: int = attrs.field(default=200, kw_only=True)
    headers: tuple[tuple[str, str], ...] = attrs.field(
        default=(), kw_only=True, converter=_header_pairs
    )
    body: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse what could not be carried out, here and not in the server's thread."""
        for name, meaning, fits in _RULES:
            if not fits(value := getattr(self, name)):
                raise ConfigurationError(f"a fault's {name!r} must be {meaning}, not {value!r}")


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value.isascii()


def _is_count(value: object, low: int = 0, high: int = 10**9) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_seconds(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= 86_400  # type: ignore[operator]  # known to be a number here


def _are_headers(value: object) -> bool:
    return isinstance(value, tuple) and all(_is_line(text) for pair in value for text in pair)


_RULES: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    ("kind", f"one of {', '.join(_KINDS)}", lambda value: value in _KINDS),
    ("endpoint", f"one of {', '.join(ENDPOINTS)}", lambda value: value in ENDPOINTS),
    ("asset_id", "text or None", _is_text),
    ("times", "a whole number from 1, or None", lambda value: value is None or _is_count(value, 1)),
    ("seconds", "0 to 86,400, or None", lambda value: value is None or _is_seconds(value)),
    ("copies", "a whole number from 1", lambda value: _is_count(value, 1)),
    ("creates_job", "true or false", lambda value: isinstance(value, bool)),
    ("after_bytes", "a whole number", _is_count),
    (
        "after_received",
        "a whole number, or None",
        lambda value: value is None or _is_count(value, high=10**12),
    ),
    ("upload_status", "text", lambda value: isinstance(value, str)),
    ("retry_after", "one line of ASCII", lambda value: value is None or _is_line(value)),
    ("variant", f"one of {', '.join(_VARIANTS)}", lambda value: value in _VARIANTS),
    ("status", "100 to 999", lambda value: _is_count(value, 100, 999)),
    ("headers", "names and values, each one line of ASCII", _are_headers),
    ("body", "text or None", _is_text),
)


def read_faults(document: object) -> list[Fault]:
    """Read one fault or a list of them from decoded JSON.

    Raises:
        ConfigurationError: It is something else; the message names the field.
    """
    documents = document if isinstance(document, list) else [document]
    return [_read_fault(each) for each in documents]


def _read_fault(document: object) -> Fault:
    if not isinstance(document, dict):
        raise ConfigurationError('a fault is an object such as {"kind": "429"}')
    known = {field.name for field in attrs.fields(Fault)}
    if unknown := sorted(set(document) - known):
        raise ConfigurationError(
            f"a fault has no {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
    if "kind" not in document:
        raise ConfigurationError(f"a fault needs a 'kind', one of {', '.join(_KINDS)}")
    try:
        return Fault(**document)
    except (TypeError, AttributeError) as error:
        raise ConfigurationError("a fault's 'headers' must map names to values") from error


@attrs.define
class _Planned:
    fault: Fault
    left: int | None


class FaultPlan:
    """The faults still to come, oldest first; used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        with self._lock:
            self._planned.extend(_Planned(fault, fault.times) for fault in faults)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._planned.clear()

    def __len__(self) -> int:
        return len(self._planned)

    def take_submit(self, asset_id: str) -> Fault | None:
        """Use up the oldest fault for a speaker request about an asset."""
        return self.take_request("speaker", asset_id)

    def take_request(self, endpoint: Endpoint, asset_id: str | None) -> Fault | None:
        """Use up the oldest fault for a request at an endpoint."""

        def fits(fault: Fault) -> bool:
            if fault.kind in METADATA_KINDS:
                return endpoint == "metadata"
            return fault.kind in SUBMIT_KINDS and fault.endpoint == endpoint

        with self._lock:
            return self._take(asset_id, fits)

    def take_callback(self, asset_id: str) -> dict[str, Fault]:
        """Use up the oldest fault of each kind for a job's callback."""
        with self._lock:
            taken = ((kind, self._take(asset_id, _is_of(kind))) for kind in CALLBACK_KINDS)
            return {kind: fault for kind, fault in taken if fault}

    def _take(self, asset_id: str | None, fits: Callable[[Fault], bool]) -> Fault | None:
        for index, planned in enumerate(self._planned):
            fault = planned.fault
            if not fits(fault) or fault.asset_id not in (None, asset_id):
                continue
            if planned.left is not None:
                planned.left -= 1
                if planned.left == 0:
                    del self._planned[index]
            return fault
        return None


def _is_of(kind: FaultKind) -> Callable[[Fault], bool]:
    return lambda fault: fault.kind == kind
