"""Keep everything on a Redis or Valkey server, for all processes of all hosts."""

from mavi_async._errors import ConfigurationError

try:
    import redis.asyncio
except ModuleNotFoundError as error:
    raise ConfigurationError('this needs redis-py: pip install "mavi-async[redis]"') from error

from mavi_async.redis._store import RedisStore

__all__ = ["RedisStore"]

del redis
