"""Keeps signed URLs out of the logs of HTTP clients, which write down what they request."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["discreet"]

_LOGGERS: Final = ("httpx", "httpx2")

_is_discreet: Final = ContextVar("_is_discreet", default=False)


@contextmanager
def discreet() -> Iterator[None]:
    """Drop what is written in this context about requests that go as they should."""
    for name in _LOGGERS:
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(_is_harmless)
    token = _is_discreet.set(True)
    try:
        yield
    finally:
        _is_discreet.reset(token)


def _is_harmless(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO or not _is_discreet.get()
