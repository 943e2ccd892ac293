"""What HTTP clients do differently, and what proxies and hooks do to a request."""

import uuid
from collections.abc import Awaitable, Callable

import httpx
import pytest

from mavi_async import AuthenticationError, ConfigurationError, MaviClient, ServiceUnavailable

KEY = "sk-mavi-0123456789abcdef"


class Connect:
    """The request that opens a tunnel, as httpcore traces it."""

    method = b"CONNECT"


def client_over(http_client: httpx.AsyncClient) -> MaviClient:
    """A client of an account of its own."""
    return MaviClient(KEY, account=uuid.uuid4().hex, http_client=http_client, retry="never")


@pytest.mark.asyncio
async def test_a_tunnel_is_not_the_request() -> None:
    """A proxy that hangs up after CONNECT has got nothing that could be billed."""

    class Proxy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            trace: Callable[..., Awaitable[None]] = request.extensions["trace"]
            for event in ("started", "complete"):
                name = f"http11.send_request_headers.{event}"
                await trace(name, {"request": Connect()})
            raise httpx.ProxyError("no tunnel")

    async with (
        httpx.AsyncClient(transport=Proxy()) as http_client,
        client_over(http_client) as client,
    ):
        with pytest.raises(ServiceUnavailable, match="nothing was sent"):
            await client.submit_speaker("re_1")


@pytest.mark.asyncio
async def test_an_event_hook_that_raises_for_statuses_hides_no_answer() -> None:
    """Many clients have one: a refusal stays a refusal."""

    async def raise_for_status(response: httpx.Response) -> None:
        response.raise_for_status()

    async with (
        httpx.AsyncClient(
            transport=httpx.MockTransport(lambda _: httpx.Response(401)),
            event_hooks={"response": [raise_for_status]},
        ) as http_client,
        client_over(http_client) as client,
    ):
        with pytest.raises(AuthenticationError):
            await client.submit_speaker("re_1")


@pytest.mark.asyncio
async def test_a_base_url_that_no_request_can_have_is_found_out_on_entering() -> None:
    """The HTTP client knows best what a host name may be."""
    client = MaviClient(KEY, base_url="https://xn--a/")

    with pytest.raises(ConfigurationError, match="base_url cannot be requested"):
        await client.__aenter__()
    await client.aclose()
