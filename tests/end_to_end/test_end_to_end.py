"""Submit, be called back, await: nothing between the two ends is a double."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import (
    AuthenticationError,
    MaviClient,
    RateLimited,
    SpeakerSegment,
    TaskFailed,
    WebhookNotConfigured,
)
from mavi_async._transport import HttpClient
from mavi_async.emulator._conversation import invent_conversation
from mavi_async.formats._rttm import read_rttm

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Receiving, StartMavi

FAST = 200.0
DEADLINE = 60.0


def rounded(segments: Iterable[SpeakerSegment]) -> list[tuple[float, float, str]]:
    """Segments as RTTM files hold them: three decimals, in order."""
    return sorted((round(s.start, 3), round(s.end, 3), s.speaker) for s in segments)


@pytest.mark.fault("the callback comes before the answer")
@pytest.mark.asyncio
async def test_a_hundred_jobs_resolve_whatever_their_callbacks_do(
    start_mavi: "StartMavi", receiving: "Receiving", http_client: HttpClient
) -> None:
    """Early, twice, out of order and late: each task gets its own result, each job is made once."""
    mavi = start_mavi(requests_per_second=FAST, limiter="sliding")
    kinds = ("early", "duplicate", "reorder", "delay")
    mavi.inject(
        *(
            {"kind": kind, "asset_id": f"re_{number}"}
            for number in range(80)
            for kind in [kinds[number % 4]]
        )
    )
    asset_ids = [f"re_{number}" for number in range(100)]

    async with (
        MaviClient(
            mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
        receiving(client.dispatcher) as url,
    ):
        mavi.call_back(url)
        async with asyncio.timeout(DEADLINE):
            tasks = await asyncio.gather(*map(client.submit_speaker, asset_ids))
            results = await asyncio.gather(*tasks)

    assert [list(invent_conversation(each).segments) for each in asset_ids] == [
        list(result) for result in results
    ]
    assert asset_ids == [result.uri for result in results]
    assert [task.task_id for task in tasks] == [result.task_id for result in results]
    state = mavi.state()
    assert (100, 0) == (state["jobs_created"], state["rejections"])


@pytest.mark.asyncio
async def test_every_recording_of_the_reference_comes_back_as_it_is(
    start_mavi: "StartMavi", starlette_receiving: "Receiving", shared_data: Path
) -> None:
    """All 216 annotations, replayed, are equal to their files at three decimals."""
    folder = shared_data / "rttm" / "voxconverse_dev"
    files = {path.stem: path for path in folder.glob("*.rttm")}
    mavi = start_mavi(requests_per_second=FAST, limiter="sliding", replay=str(folder))

    async with (
        MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST) as client,
        starlette_receiving(client.dispatcher) as url,
        asyncio.timeout(DEADLINE),
    ):
        mavi.call_back(url)
        tasks = await asyncio.gather(*map(client.submit_speaker, files))
        results = dict(zip(files, await asyncio.gather(*tasks), strict=True))

    assert 216 == len(results) == mavi.state()["jobs_created"]
    expected = {name: rounded(read_rttm(path.read_text())) for name, path in files.items()}
    assert expected == {name: rounded(result) for name, result in results.items()}


@pytest.mark.alone
@pytest.mark.parametrize(
    ("limiter", "most_rejections"), [("strict", 1), ("bucket2", 0), ("fixed", 0), ("sliding", 0)]
)
@pytest.mark.asyncio
async def test_the_limit_is_kept_whatever_limiter_guards_it(
    start_mavi: "StartMavi", limiter: str, most_rejections: int
) -> None:
    """Sixty submits at once all make their job, once, and hardly any is refused."""
    mavi = start_mavi(
        requests_per_second=20.0,
        limiter=limiter,
        webhook_url="http://127.0.0.1:9",
        callback_tries=1,
    )

    async with MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=20.0) as client:
        async with asyncio.timeout(DEADLINE):
            tasks = await asyncio.gather(
                *(client.submit_speaker(f"re_{number}") for number in range(60))
            )

    state = mavi.state()
    assert 60 == state["jobs_created"] == len({task.task_id for task in tasks})
    assert state["rejections"] <= most_rejections


REJECTIONS = {
    "429": {"kind": "429"},
    "code 0429 in a 200": {
        "kind": "answer",
        "status": 200,
        "body": '{"code": "0429", "msg": "Request has exceeded the limit.", "success": false}',
    },
    "ambiguous 400": {"kind": "400"},
}


@pytest.mark.parametrize("fault", REJECTIONS.values(), ids=REJECTIONS)
@pytest.mark.asyncio
async def test_a_refused_submit_is_made_again(
    start_mavi: "StartMavi", fault: Mapping[str, object]
) -> None:
    """Whatever the rejection looks like, each submit makes its job, once."""
    mavi = start_mavi(
        requests_per_second=FAST,
        limiter="sliding",
        webhook_url="http://127.0.0.1:9",
        callback_tries=1,
    )
    mavi.inject(*({**fault, "asset_id": f"re_{number}"} for number in (3, 7)))

    async with MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=50.0) as client:
        async with asyncio.timeout(DEADLINE):
            tasks = await asyncio.gather(*(client.submit_speaker(f"re_{n}") for n in range(10)))

    state = mavi.state()
    assert 10 == state["jobs_created"] == len({task.task_id for task in tasks})
    assert 0 == state["faults_planned"]


@pytest.mark.alone
@pytest.mark.asyncio
async def test_a_rate_that_is_too_high_loses_no_submit(start_mavi: "StartMavi") -> None:
    """Twice what the account allows: the gap widens until requests pass."""
    mavi = start_mavi(requests_per_second=25.0, webhook_url="http://127.0.0.1:9", callback_tries=1)

    async with MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=50.0) as client:
        async with asyncio.timeout(DEADLINE):
            tasks = await asyncio.gather(*(client.submit_speaker(f"re_{n}") for n in range(60)))

    state = mavi.state()
    assert 60 == state["jobs_created"] == len({task.task_id for task in tasks})
    assert 0 < state["rejections"] < 30


@pytest.mark.asyncio
async def test_a_job_that_fails_says_so(
    start_mavi: "StartMavi", starlette_receiving: "Receiving"
) -> None:
    """And the others are none the worse for it."""
    mavi = start_mavi(requests_per_second=FAST, limiter="sliding")
    mavi.inject({"kind": "fail", "asset_id": "re_bad"})

    async with (
        MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST) as client,
        starlette_receiving(client.dispatcher) as url,
        asyncio.timeout(DEADLINE),
    ):
        mavi.call_back(url)
        good, bad = await asyncio.gather(
            client.diarize("re_good"), client.diarize("re_bad"), return_exceptions=True
        )

    assert list(invent_conversation("re_good").segments) == list(good)  # type: ignore[arg-type]
    assert isinstance(bad, TaskFailed)


@pytest.mark.asyncio
async def test_a_short_recording_is_done_at_once(
    start_mavi: "StartMavi", http_client: HttpClient
) -> None:
    """The synchronous endpoint needs no webhook."""
    mavi = start_mavi(requests_per_second=FAST)

    async with MaviClient(mavi.api_key, base_url=mavi.base_url, http_client=http_client) as client:
        diarization = await client.generate_speaker("re_1")

    assert invent_conversation("re_1").segments == diarization.segments
    assert ("re_1", None, "emulator") == (
        diarization.uri,
        diarization.task_id,
        diarization.model,
    )


@pytest.mark.asyncio
async def test_an_unknown_asset_is_tried_three_times(start_mavi: "StartMavi") -> None:
    """Its answer may also mean the rate limit; after that it is said to be ambiguous."""
    mavi = start_mavi(
        requests_per_second=FAST, unknown_assets=["re_gone"], webhook_url="http://127.0.0.1:9"
    )

    async with MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=20) as client:
        with pytest.raises(RateLimited, match="check the asset_id") as caught:
            await client.submit_speaker("re_gone")

    assert caught.value.ambiguous
    assert (3, 0) == (len(mavi.state()["submit_times"]), mavi.state()["jobs_created"])


@pytest.mark.asyncio
async def test_a_wrong_key_and_a_missing_webhook_say_what_to_do(start_mavi: "StartMavi") -> None:
    """Each is refused at once, by an error of its own."""
    mavi = start_mavi(requests_per_second=FAST)

    async with MaviClient("sk-mavi-wrong-key", base_url=mavi.base_url) as client:
        with pytest.raises(AuthenticationError, match="check the API key") as caught:
            await client.submit_speaker("re_1")
    async with MaviClient(mavi.api_key, base_url=mavi.base_url) as client:
        with pytest.raises(WebhookNotConfigured, match="set a webhook URL in MAVI's console"):
            await client.submit_speaker("re_1")

    assert "sk-mavi-wrong-key" not in f"{caught.value!r}{caught.value}"
    assert 0 == mavi.state()["jobs_created"]
