"""Uploads a file in a process of its own, and says how much memory that took at most."""

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any, cast

from mavi_async import MaviClient


async def main(base_url: str, api_key: str, path: Path, via: Any) -> None:
    """Upload something small to warm up, then the file."""
    async with MaviClient(api_key, base_url=base_url, requests_per_second=1000) as client:
        await client.upload(b"x" * 2_000_000, filename="small.wav", via=via)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        task = await client.upload(path, via=via)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"asset_id": task.asset_id, "more_kib": after - before}))


asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), cast("Any", sys.argv[4])))
