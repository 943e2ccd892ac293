"""A bad network between the client and MAVI."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import ApiError, MemoryStore, SubmitOutcomeUnknown
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator

if TYPE_CHECKING:
    from tests.faults.conftest import ClientAt, Report
    from tests.faults.network.conftest import FaultProxy, ProxyTo, Way

MANY = 4
FAST = 100_000.0
PATIENCE = 1.0
LATE: dict[str, dict[str, Any]] = {
    "late": {"latency": 0.005, "jitter": 0.01},
    "in single bytes": {"piece": 1},
    "narrow": {"bytes_per_second": 50_000},
}
CUT: list[dict[str, Any]] = [
    {"cut_after": cut_after, "cut": cut}
    for cut_after in (0, 100)
    for cut in ("hang", "half-close", "close", "reset")
]


@pytest.mark.fault("the network is slow")
@pytest.mark.parametrize("weather", LATE)
@pytest.mark.asyncio
async def test_a_slow_way_to_the_api_only_takes_longer(
    weather: str, client_at: "ClientAt", proxy_to: "ProxyTo", way: "type[Way]", key: str
) -> None:
    """Late, narrow or byte by byte: every submit makes its one job."""
    slow = way(**LATE[weather])
    with Emulator(FAST, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        proxy = proxy_to(mavi.base_url)
        proxy.switch(slow, slow)
        async with client_at(proxy.url) as client:
            tasks = await asyncio.gather(*(client.submit_speaker(f"re_{n}") for n in range(MANY)))

    assert [f"re_{n}" for n in range(MANY)] == [task.asset_id for task in tasks]
    assert MANY == mavi.jobs_created


@pytest.mark.fault("an error report")
@pytest.mark.fault("the connection breaks off")
@pytest.mark.parametrize("direction", ["to_target", "to_caller"])
@pytest.mark.asyncio
async def test_a_broken_way_to_the_api_makes_no_second_job(
    direction: str,
    client_at: "ClientAt",
    proxy_to: "ProxyTo",
    way: "type[Way]",
    key: str,
    report_of: "Report",
) -> None:
    """What broke is unknown and not sent again, whether its job exists; later submits work."""
    reports: list[str] = []

    async def submit_through(proxy: "FaultProxy", weather: dict[str, Any]) -> tuple[int, int]:
        store = MemoryStore()
        async with client_at(proxy.url, store=store, submit_timeout=PATIENCE) as client:
            proxy.switch(**{direction: way(**weather)})
            broken = [client.submit_speaker(f"re_{n}") for n in range(MANY)]
            outcomes = await asyncio.gather(*broken, return_exceptions=True)
            reports.extend(report_of(each) for each in outcomes if isinstance(each, ApiError))
            proxy.reset_all()
            proxy.switch()
            await asyncio.gather(*(client.submit_speaker("re_x") for _ in range(MANY)))
        unknown = await store.list_intents(IntentState.UNKNOWN)
        return sum(type(each) is SubmitOutcomeUnknown for each in outcomes), len(unknown)

    with Emulator(FAST, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        proxies = [proxy_to(mavi.base_url) for _ in CUT]
        found = await asyncio.gather(*map(submit_through, proxies, CUT))
    jobs = [job["asset_id"] for job in mavi.state()["jobs"]]  # type: ignore[attr-defined]

    assert [(MANY, MANY)] * len(CUT) == found
    assert {"re_x": MANY * len(CUT)} | (
        {} if direction == "to_target" else {f"re_{n}": len(CUT) for n in range(MANY)}
    ) == Counter(jobs)
    assert len(reports) == MANY * len(CUT)
    assert key not in "".join(reports)
