"""Where the application finds its path when a server says that it is mounted."""

import httpx
import pytest

from mavi_async import Dispatcher
from mavi_async.asgi import CallbackApp

TOKEN = "token-0123456789abcdef"
PATH = f"/mavi/callback/{TOKEN}"


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("", PATH, 200),
        ("/", PATH, 200),
        ("/hooks", f"/hooks{PATH}", 200),
        ("/hooks/", f"/hooks{PATH}", 200),
        ("/hooks", PATH, 200),  # a server that has cut it off already
        ("/ma", PATH, 200),  # no part of the path, only of its first word
        ("", f"/hooks{PATH}", 404),
        ("/hook", f"/hooks{PATH}", 404),
    ],
)
@pytest.mark.asyncio
async def test_a_root_path_is_cut_off_where_it_ends_a_segment(
    root_path: str, path: str, status: int
) -> None:
    """Servers differ in whether the path includes it."""
    app = CallbackApp(Dispatcher(), token=TOKEN)
    transport = httpx.ASGITransport(app, root_path=root_path)

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post(path, content=b'{"task_id": "t1"}')

    assert status == response.status_code
