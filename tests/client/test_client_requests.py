"""What the client sends, and what it makes of each answer."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from mavi_async import (
    ConfigurationError,
    MaviClient,
    MemoryStore,
    RequestRejected,
    SubmitOutcomeUnknown,
)
from mavi_async._records import Intent, IntentState

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody

KEY = "sk-mavi-0123456789abcdef"
BASE_URL = "https://mavi-backend.memories.ai/serve/api/v2"
SUBMIT = f"{BASE_URL}/transcriptions/async-generate-speaker"
GENERATE = f"{BASE_URL}/transcriptions/sync-generate-speaker"
FAST = 100_000.0


def accepted(task_id: str, code: str | int = "0000") -> httpx.Response:
    """The answer to a submit."""
    data = {"task_id": task_id}
    document = {"code": code, "msg": "success", "data": data, "success": True, "failed": False}
    return httpx.Response(200, json=document)


async def intents(store: MemoryStore, client: MaviClient) -> list[tuple[str, IntentState]]:
    """Every intent of the client's account, as asset and state."""
    found: list[Intent] = []
    for state in IntentState:
        found.extend(await store.list_intents(state, client.account))
    return sorted((intent.asset_id, intent.state) for intent in found)


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    """The API, mocked."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.mark.asyncio
async def test_a_submit_is_as_documented(routes: respx.MockRouter) -> None:
    """One POST with the bare key and the asset id; the task knows what was submitted."""
    route = routes.post(SUBMIT).mock(return_value=accepted("t1"))
    store = MemoryStore()
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        before = datetime.now(UTC)
        task = await client.submit_speaker("re_657929111888723968")
        [request] = [call.request for call in route.calls]
        submission = await store.get_submission("t1")

        assert (request.method, str(request.url)) == ("POST", SUBMIT)
        assert request.headers.get_list("authorization") == [KEY]
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.content) == {"asset_id": "re_657929111888723968"}
        assert (task.task_id, task.asset_id) == ("t1", "re_657929111888723968")
        assert task.submitted_at is not None
        assert before <= task.submitted_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert submission is not None
        assert submission.submitted == task.submitted_at
        assert await intents(store, client) == [("re_657929111888723968", IntentState.ACCEPTED)]


@pytest.mark.parametrize("code", ["0000", 200, "200"])
@pytest.mark.asyncio
async def test_every_code_of_success_is_one(code: str | int, routes: respx.MockRouter) -> None:
    """Both of the API's dialects of success hand out a task."""
    routes.post(SUBMIT).mock(return_value=accepted("t1", code))
    async with MaviClient(KEY, requests_per_second=FAST) as client:
        assert (await client.submit_speaker("re_1")).task_id == "t1"


@pytest.mark.asyncio
async def test_a_result_at_once_is_as_documented(routes: respx.MockRouter) -> None:
    """The synchronous endpoint gets the same request and gives the result."""
    items = [{"start": 1.5, "end": 2.0, "speaker": "SPEAKER_00"}]
    data = {"model": "pyannote", "items": items}
    document = {"code": "0000", "msg": "success", "data": data, "success": True, "failed": False}
    route = routes.post(GENERATE).mock(return_value=httpx.Response(200, json=document))
    store = MemoryStore()
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        result = await client.generate_speaker("re_1")
        [request] = [call.request for call in route.calls]

        assert request.headers.get_list("authorization") == [KEY]
        assert json.loads(request.content) == {"asset_id": "re_1"}
        assert (result.task_id, result.uri, result.model) == (None, "re_1", "pyannote")
        assert [(s.start, s.end, s.speaker) for s in result] == [(1.5, 2.0, "SPEAKER_00")]
        assert await intents(store, client) == [("re_1", IntentState.ACCEPTED)]


@pytest.mark.asyncio
async def test_submitting_and_awaiting_in_one_call(
    routes: respx.MockRouter, body_of: "MakeBody"
) -> None:
    """`diarize` returns the result, also where the callback came before the answer."""

    async def call_back_first(request: httpx.Request) -> httpx.Response:
        await client.dispatcher.feed(body_of("t1"))
        return accepted("t1")

    routes.post(SUBMIT).mock(side_effect=call_back_first)
    async with MaviClient(KEY, requests_per_second=FAST) as client:
        result = await client.diarize("re_1", timeout=20)

        assert (result.task_id, result.uri, len(result)) == ("t1", "re_1", 2)


@pytest.mark.asyncio
async def test_one_task_id_is_one_task(routes: respx.MockRouter) -> None:
    """Two submits that are answered with the same id share the task object."""
    routes.post(SUBMIT).mock(return_value=accepted("t1"))
    async with MaviClient(KEY, requests_per_second=FAST) as client:
        first = await client.submit_speaker("re_1")
        second = await client.submit_speaker("re_2")

        assert second is first
        assert client.speaker_task("t1") is first


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.asyncio
async def test_redirects_are_not_followed(status: int, routes: respx.MockRouter) -> None:
    """A redirect is a refusal, also with a client that was told to follow redirects."""
    answer = httpx.Response(status, headers={"location": SUBMIT})
    route = routes.post(SUBMIT).mock(return_value=answer)
    async with (
        httpx.AsyncClient(follow_redirects=True) as http_client,
        MaviClient(KEY, requests_per_second=FAST, http_client=http_client) as client,
    ):
        with pytest.raises(RequestRejected) as caught:
            await client.submit_speaker("re_1")

        assert caught.value.status == status
        assert route.call_count == 1


@pytest.mark.asyncio
async def test_a_given_client_stays_what_it_was(routes: respx.MockRouter) -> None:
    """A given client's own auth is not used, it does not learn the key, and stays open."""
    route = routes.post(SUBMIT).mock(return_value=accepted("t1"))
    http_client = httpx.AsyncClient(
        auth=("user", "password"), headers={"Authorization": "Bearer other", "X-Own": "yes"}
    )
    async with MaviClient(KEY, requests_per_second=FAST, http_client=http_client) as client:
        await client.submit_speaker("re_1")
    [request] = [call.request for call in route.calls]

    assert request.headers.get_list("authorization") == [KEY]
    assert request.headers["x-own"] == "yes"
    assert http_client.headers["authorization"] == "Bearer other"
    assert not http_client.is_closed
    await http_client.aclose()


@pytest.mark.asyncio
async def test_the_key_goes_to_its_origin_alone(routes: respx.MockRouter) -> None:
    """A given client that sends requests elsewhere sends them without the key."""

    class Detour(httpx.AsyncClient):
        def build_request(self, method: str, url: Any, **options: Any) -> httpx.Request:
            return super().build_request(method, "https://elsewhere.example/", **options)

    route = routes.post("https://elsewhere.example/").mock(return_value=accepted("t1"))
    async with (
        Detour() as http_client,
        MaviClient(KEY, requests_per_second=FAST, http_client=http_client) as client,
    ):
        await client.submit_speaker("re_1")
    [request] = [call.request for call in route.calls]

    assert "authorization" not in request.headers
    assert KEY not in str(request.headers)


@pytest.mark.asyncio
async def test_a_closed_client_is_named(routes: respx.MockRouter) -> None:
    """A given client that is closed is an error of the set-up, each time, and nothing is kept."""
    route = routes.post(SUBMIT).mock(return_value=accepted("t1"))
    store = MemoryStore()
    http_client = httpx.AsyncClient()
    async with MaviClient(
        KEY, requests_per_second=FAST, http_client=http_client, store=store
    ) as client:
        await http_client.aclose()
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="http_client that was given is closed"):
                await client.submit_speaker("re_1")

        assert route.call_count == 0
        assert await intents(store, client) == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204),
        httpx.Response(200),
        httpx.Response(200, text="<html>Welcome</html>"),
        httpx.Response(200, text="[]"),
        httpx.Response(200, json={"code": "0000"}),
        httpx.Response(200, json={"code": "0000", "data": None}),
        httpx.Response(200, json={"code": "0000", "data": {}}),
        httpx.Response(200, json={"code": "0000", "data": {"task_id": 7}}),
        httpx.Response(200, json={"code": "0000", "data": {"task_id": "../../etc"}}),
        httpx.Response(200, json={"code": "0000", "data": {"task_id": ""}}),
        httpx.Response(200, json={"code": None, "data": {"task_id": "t1"}}),
        httpx.Response(200, json={"code": 502}),
        httpx.Response(200, content=b'{"code": "0000", "data": {"task_id": "t1"}'),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b" " * (16 * 1024 * 1024 + 1)),
    ],
)
@pytest.mark.asyncio
async def test_an_unreadable_yes_may_be_a_job(
    answer: httpx.Response, routes: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    """A 2xx that cannot be read is an unknown outcome: not sent again, and kept as such."""
    route = routes.post(SUBMIT).mock(return_value=answer)
    store = MemoryStore()
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        with (
            caplog.at_level(logging.WARNING, "mavi_async"),
            pytest.raises(SubmitOutcomeUnknown) as caught,
        ):
            await client.submit_speaker("re_1")
        error = caught.value
        intent = await store.get_intent(error.intent_id or "")

        assert route.call_count == 1
        assert (error.asset_id, error.status) == ("re_1", answer.status_code)
        assert intent is not None
        assert (intent.asset_id, intent.state) == ("re_1", IntentState.UNKNOWN)
        assert error.intent_id is not None
        assert error.intent_id in caplog.text
