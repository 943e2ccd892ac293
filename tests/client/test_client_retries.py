"""Which outcomes are sent again, at the level of the client: every row of the table."""

import enum
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs
import httpx
import pytest
import respx

from mavi_async import (
    ApiError,
    AuthenticationError,
    MaviClient,
    MemoryStore,
    OutOfCredits,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SubmitOutcomeUnknown,
    WebhookNotConfigured,
)
from mavi_async._records import IntentState
from mavi_async._retry import RetryPolicy

KEY = "sk-mavi-0123456789abcdef"
SUBMIT = "https://mavi-backend.memories.ai/serve/api/v2/transcriptions/async-generate-speaker"
FAST = 100_000.0
AMBIGUOUS = {"code": 400, "msg": "Request has exceeded the limit.", "data": None}
NO_WEBHOOK = {"code": 400, "msg": "An async request requires at least one webhook."}


class Kind(enum.Enum):
    """What an outcome means, and which intent it leaves behind."""

    NOTHING_SENT = IntentState.NOT_SENT
    REFUSED = "refused"
    UNKNOWN = IntentState.UNKNOWN

    @property
    def intent(self) -> IntentState:
        """The state of an intent that ends so."""
        return IntentState.UNKNOWN if self is Kind.UNKNOWN else IntentState.NOT_SENT


Outcome = httpx.Response | type[httpx.TransportError]


@attrs.frozen
class Row:
    """An outcome, what it means, how often it is tried in all, and how it is raised."""

    outcome: Outcome
    kind: Kind
    tries: int
    error: type[ApiError]

    def __str__(self) -> str:
        if isinstance(self.outcome, httpx.Response):
            return f"{self.outcome.status_code} {self.outcome.text[:60]}".strip()
        return self.outcome.__name__


def answer(status: int, code: str | int | None = None, msg: str = "no") -> httpx.Response:
    """An answer with the API's envelope."""
    return httpx.Response(status, json={"code": status if code is None else code, "msg": msg})


ROWS = [
    *(
        Row(kind, Kind.NOTHING_SENT, 6, ServiceUnavailable)
        for kind in (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    ),
    *(
        Row(kind, Kind.REFUSED, 10, RateLimited)
        for kind in (answer(429), answer(200, 429), answer(200, "0429"), httpx.Response(429))
    ),
    Row(httpx.Response(400, json=AMBIGUOUS), Kind.REFUSED, 3, RateLimited),
    Row(httpx.Response(200, json=AMBIGUOUS), Kind.REFUSED, 3, RateLimited),
    *(Row(answer(status), Kind.REFUSED, 2, RequestRejected) for status in (408, 421, 425)),
    *(
        Row(kind, Kind.UNKNOWN, 1, SubmitOutcomeUnknown)
        for kind in (
            httpx.ReadError,
            httpx.ReadTimeout,
            httpx.WriteError,
            httpx.WriteTimeout,
            httpx.RemoteProtocolError,
            httpx.LocalProtocolError,
            httpx.CloseError,
        )
    ),
    *(
        Row(kind, Kind.UNKNOWN, 1, SubmitOutcomeUnknown)
        for kind in (
            *map(answer, (500, 502, 503, 504, 599)),
            answer(200, 500),
            answer(200, "0502"),
            answer(200, "504"),
            httpx.Response(200, text="<html>"),
        )
    ),
    *(
        Row(kind, Kind.REFUSED, 1, RequestRejected)
        for kind in (
            *map(answer, (302, 307, 400, 404, 405, 409, 415)),
            answer(200, "0003"),
            answer(200, "0409"),
            httpx.Response(200, json={"code": "0000", "success": False, "data": {"task_id": "t"}}),
            httpx.Response(200, json={"code": "0000", "failed": True, "data": {"task_id": "t"}}),
        )
    ),
    *(
        Row(kind, Kind.REFUSED, 1, AuthenticationError)
        for kind in (answer(401), answer(403), answer(200, "0401"), answer(200, "9009"))
    ),
    *(Row(kind, Kind.REFUSED, 1, OutOfCredits) for kind in (answer(402), answer(200, "0402"))),
    Row(httpx.Response(400, json=NO_WEBHOOK), Kind.REFUSED, 1, WebhookNotConfigured),
]


class Api:
    """A mocked API with one outcome for its first requests; it counts the jobs after them."""

    def __init__(self, router: respx.MockRouter) -> None:
        self.requests = 0
        self.jobs = 0
        self.outcomes: Iterator[Outcome] = iter(())
        router.post(SUBMIT).mock(side_effect=self._answer)

    def fail(self, outcome: Outcome, times: int) -> None:
        """Answer so from now on, so often."""
        self.fail_in_turn(*[outcome] * times)

    def fail_in_turn(self, *outcomes: Outcome) -> None:
        """Answer so from now on, each once."""
        self.outcomes = iter(outcomes)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        outcome = next(self.outcomes, None)
        if outcome is None:
            self.jobs += 1
            data = {"task_id": f"t{self.jobs}"}
            return httpx.Response(200, json={"code": "0000", "msg": "success", "data": data})
        if isinstance(outcome, httpx.Response):
            return httpx.Response(outcome.status_code, content=outcome.content)
        if outcome in CONNECTING:
            await request.extensions["trace"]("connection.connect_tcp.started", {})
        raise outcome("it broke", request=request)


CONNECTING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
"""Raised before the request is written, of which a real transport tells."""


@pytest.mark.parametrize("kind", CONNECTING)
@pytest.mark.asyncio
async def test_names_of_errors_prove_nothing(kind: type[httpx.TransportError]) -> None:
    """A transport that tells nothing may call a broken connection one that never was."""
    posts = 0

    def break_off(request: httpx.Request) -> httpx.Response:
        nonlocal posts
        posts += 1
        raise kind("the server disconnected", request=request)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(break_off)) as http_client,
        MaviClient(KEY, account=uuid.uuid4().hex, http_client=http_client) as client,
    ):
        with pytest.raises(SubmitOutcomeUnknown):
            await client.submit_speaker("re_1")

    assert posts == 1


@pytest.fixture
def api() -> Iterator[Api]:
    """The API, mocked."""
    with respx.mock(assert_all_called=False) as router:
        yield Api(router)


def client_with(store: MemoryStore, policy: RetryPolicy) -> MaviClient:
    """A client that does not wait for its rate, nor for what another one's refusals did to it."""
    account = uuid.uuid4().hex
    return MaviClient(KEY, account=account, requests_per_second=FAST, store=store, retry=policy)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.asyncio
async def test_tries_are_bounded(row: Row, api: Api, delays: list[float]) -> None:
    """An outcome that stays is tried as often as the table says, and raised with its intent."""
    api.fail(row.outcome, 100)
    store = MemoryStore()
    async with client_with(store, "safe") as client:
        with pytest.raises(ApiError) as caught:
            await client.submit_speaker("re_1")
        left = await store.list_intents(row.kind.intent, client.account)

    assert type(caught.value) is row.error
    assert (api.requests, api.jobs) == (row.tries, 0)
    assert len(delays) == row.tries - 1
    assert [intent.asset_id for intent in left] == ["re_1"]
    if isinstance(caught.value, RateLimited):
        assert caught.value.ambiguous == (row.tries == 3)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.asyncio
async def test_never_means_never(row: Row, api: Api, delays: list[float]) -> None:
    """With ``retry="never"`` every outcome is final."""
    api.fail(row.outcome, 1)
    async with client_with(MemoryStore(), "never") as client:
        with pytest.raises(row.error):
            await client.submit_speaker("re_1")

    assert (api.requests, api.jobs, delays) == (1, 0, [])


@pytest.mark.parametrize("row", [row for row in ROWS if row.tries > 1], ids=str)
@pytest.mark.asyncio
async def test_what_is_safe_is_sent_again(row: Row, api: Api, delays: list[float]) -> None:
    """After a passing trouble without a job, the next try makes the only one."""
    api.fail(row.outcome, row.tries - 1)
    store = MemoryStore()
    async with client_with(store, "safe") as client:
        task = await client.submit_speaker("re_1")
        accepted = await store.list_intents(IntentState.ACCEPTED, client.account)

    assert task.task_id == "t1"
    assert (api.requests, api.jobs, len(delays)) == (row.tries, 1, row.tries - 1)
    assert [intent.task_id for intent in accepted] == ["t1"]


@pytest.mark.asyncio
async def test_each_outcome_counts_its_own_tries(api: Api, delays: list[float]) -> None:
    """What the rate refused, or never arrived, takes no try from an answer that is ambiguous."""
    ambiguous = httpx.Response(400, json=AMBIGUOUS)
    api.fail_in_turn(answer(429), ambiguous, httpx.ConnectError, answer(429), ambiguous)
    async with client_with(MemoryStore(), "safe") as client:
        task = await client.submit_speaker("re_1")

    assert task.task_id == "t1"
    assert (api.requests, api.jobs, len(delays)) == (6, 1, 5)


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind is Kind.UNKNOWN], ids=str)
@pytest.mark.asyncio
async def test_duplicates_have_to_be_asked_for(row: Row, api: Api, delays: list[float]) -> None:
    """With ``retry="allow_duplicates"`` an unknown outcome is sent again."""
    api.fail(row.outcome, 2)
    async with client_with(MemoryStore(), "allow_duplicates") as client:
        task = await client.submit_speaker("re_1")

    assert task.task_id == "t1"
    assert (api.requests, api.jobs, len(delays)) == (3, 1, 2)


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind is Kind.REFUSED], ids=str)
@pytest.mark.asyncio
async def test_a_refusal_is_one_under_every_policy(row: Row, api: Api, delays: list[float]) -> None:
    """Allowing duplicates does not send again what the API refused."""
    api.fail(row.outcome, 100)
    async with client_with(MemoryStore(), "allow_duplicates") as client:
        with pytest.raises(row.error):
            await client.submit_speaker("re_1")

    assert (api.requests, api.jobs) == (row.tries, 0)


@pytest.mark.asyncio
async def test_back_off_doubles(api: Api, delays: list[float]) -> None:
    """Where nothing was sent, the delays double from a second, half of each at random."""
    api.fail(httpx.ConnectError, 5)
    async with client_with(MemoryStore(), "safe") as client:
        await client.submit_speaker("re_1")

    assert [1, 2, 4, 8, 16] == [
        longest
        for longest, delay in zip((1, 2, 4, 8, 16), delays, strict=True)
        if longest / 2 <= delay <= longest
    ]


RETRY_AFTER: list[tuple[str | timedelta | None, float, float]] = [
    (None, 0, 0),
    ("2", 2, 2),
    ("0.5", 0.5, 0.5),
    ("0", 0, 0),
    ("100", 60, 60),
    ("1e9", 60, 60),
    ("-1", 0, 0),
    ("nan", 0, 0),
    ("inf", 0, 0),
    ("soon", 0, 0),
    ("", 0, 0),
    (timedelta(seconds=40), 20, 40),
    (timedelta(seconds=-40), 0, 0),
    (timedelta(hours=1), 60, 60),
    ("Mon, 99 Foo 2026 99:99:99 GMT", 0, 0),
]


@pytest.mark.fault("a rejection for the rate")
@pytest.mark.parametrize(("after", "low", "high"), RETRY_AFTER, ids=str)
@pytest.mark.asyncio
async def test_retry_after_in_every_form(
    after: str | timedelta | None, low: float, high: float, delays: list[float]
) -> None:
    """Seconds and dates are obeyed up to a minute, everything else counts as none."""
    if isinstance(after, timedelta):
        after = format_datetime(datetime.now(UTC) + after, usegmt=True)
    headers = {} if after is None else {"retry-after": after}
    limited = httpx.Response(429, json={"code": 429, "msg": "no"}, headers=headers)
    accepted = httpx.Response(200, json={"code": "0000", "data": {"task_id": "t1"}})
    with respx.mock:
        respx.post(SUBMIT).mock(side_effect=[limited, accepted])
        async with client_with(MemoryStore(), "safe") as client:
            task = await client.submit_speaker("re_1")
    [delay] = delays

    assert task.task_id == "t1"
    assert low <= delay <= high


@pytest.mark.asyncio
async def test_the_error_says_how_long_to_wait() -> None:
    """The last rejection's ``Retry-After`` is in the error, as it was asked."""
    with respx.mock:
        answer = httpx.Response(429, json={"code": 429}, headers={"retry-after": "120"})
        respx.post(SUBMIT).mock(return_value=answer)
        async with client_with(MemoryStore(), "never") as client:
            with pytest.raises(RateLimited) as caught:
                await client.submit_speaker("re_1")

    assert caught.value.retry_after == 120
    assert not caught.value.ambiguous
