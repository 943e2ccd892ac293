"""Ctrl-C and SIGTERM, as an event loop hears them."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["stopping"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Have a function called at Ctrl-C and SIGTERM, for the length of a ``with`` block.

    Where the event loop has no signals, Ctrl-C raises `KeyboardInterrupt` as ever.
    """
    loop = asyncio.get_running_loop()
    heard: list[signal.Signals] = []
    try:
        for number in _SIGNALS:
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop)
                heard.append(number)
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
