"""The MAVI speaker API on loopback: its rate limit, real callbacks, and faults on demand."""

from mavi_async._errors import ConfigurationError
from mavi_async.emulator._faults import Fault

try:
    from mavi_async.emulator._emulator import Emulator
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in {"starlette", "uvicorn"}:
        raise
    raise ConfigurationError(
        'the emulator needs an extra: pip install "mavi-async[emulator]"'
    ) from error

__all__ = ["Emulator", "Fault"]
