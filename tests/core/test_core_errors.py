"""The tree of errors, and what each of them survives."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from mavi_async import _errors
from mavi_async._errors import (
    ApiError,
    AssetError,
    AssetFailed,
    AssetTimeout,
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    DispatcherClosed,
    MalformedResult,
    MaviError,
    OutOfCredits,
    PacingTimeout,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StoreError,
    SubmitOutcomeUnknown,
    TaskError,
    TaskFailed,
    TaskStateError,
    TaskTimeout,
    WebhookNotConfigured,
)

SAMPLES: dict[str, Any] = {
    "message": "what happened",
    "endpoint": "POST /path",
    "host": "mavi.example",
    "status": 429,
    "code": "0429",
    "body": "<secret body>",
    "retry_after": 2.5,
    "ambiguous": True,
    "asset_id": "re_1",
    "intent_id": "intent_1",
    "task_id": "task_1",
    "path": "$.data",
    "raw": b"<secret body>",
    "queued": 3,
    "estimated_wait": 4.5,
}
PARENTS = {
    ApiError: (MaviError,),
    AssetError: (MaviError,),
    AssetFailed: (AssetError,),
    AssetTimeout: (AssetError, TimeoutError),
    AuthenticationError: (RequestRejected,),
    ClientClosed: (MaviError,),
    ConfigurationError: (MaviError, ValueError),
    DispatcherClosed: (TaskError,),
    MalformedResult: (TaskError,),
    MaviError: (Exception,),
    OutOfCredits: (RequestRejected,),
    PacingTimeout: (MaviError, TimeoutError),
    RateLimited: (RequestRejected,),
    RequestRejected: (ApiError,),
    ServiceUnavailable: (ApiError,),
    StoreError: (MaviError,),
    SubmitOutcomeUnknown: (ApiError,),
    TaskError: (MaviError,),
    TaskFailed: (TaskError,),
    TaskStateError: (MaviError,),
    TaskTimeout: (TaskError, TimeoutError),
    WebhookNotConfigured: (RequestRejected,),
}


def tree(root: type[MaviError]) -> Iterator[type[MaviError]]:
    """A class and all below it, whoever defined them."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


# Other parts may refine them for themselves.
ALL = [kind for kind in tree(MaviError) if kind.__module__ == MaviError.__module__]


def sample(kind: type[MaviError]) -> MaviError:
    """An instance with a value for every field; a field without a sample fails here."""
    return kind(*(SAMPLES[field.name] for field in attrs.fields(kind)))


def facts(error: MaviError) -> dict[str, object]:
    """Everything that an error carries."""
    return {field.name: getattr(error, field.name) for field in attrs.fields(type(error))}


def test_the_tree_is_as_documented() -> None:
    """Each class has the parents that callers catch it by."""
    assert {kind: kind.__bases__ for kind in ALL} == PARENTS


def test_every_error_is_exported_and_drawn() -> None:
    """The module's public names are the tree, and its docstring shows each of them."""
    names = sorted(kind.__name__ for kind in ALL if kind.__module__ == _errors.__name__)

    assert names == _errors.__all__
    assert [name for name in names if f" {name}" not in (_errors.__doc__ or "")] == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_pickling(kind: type[MaviError], protocol: int) -> None:
    """What another process gets is of the same class, with the same facts and text."""
    error = sample(kind)

    restored = pickle.loads(pickle.dumps(error, protocol))

    assert type(error) is type(restored)
    assert facts(error) == facts(restored)
    assert (str(error), repr(error), error.args) == (str(restored), repr(restored), restored.args)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_copying(
    kind: type[MaviError],
    duplicate: Callable[[MaviError], MaviError],
) -> None:
    """A copy is another object that says the same."""
    error = sample(kind)

    twin = duplicate(error)

    assert error is not twin
    assert type(error) is type(twin)
    assert (facts(error), str(error)) == (facts(twin), str(twin))


@pytest.mark.parametrize("kind", ALL)
def test_every_error_shows_its_facts_and_no_body(kind: type[MaviError]) -> None:
    """The text names each fact but what MAVI sent, as does the representation."""
    error = sample(kind)
    shown = [name for name in vars(error) if name not in ("message", "body", "raw")]

    assert str(error).startswith("what happened")
    assert [name for name in shown if f"{name}={SAMPLES[name]!r}" not in str(error)] == []
    assert [name for name in shown if f"{name}={SAMPLES[name]!r}" not in repr(error)] == []
    assert repr(error).startswith(f"{kind.__name__}(message='what happened'")
    assert "secret" not in str(error) + repr(error)


@pytest.mark.parametrize("kind", ALL)
def test_errors_are_told_apart_by_identity(kind: type[MaviError]) -> None:
    """Two errors that say the same are two errors, and can be kept in a set."""
    one, other = sample(kind), sample(kind)

    assert one != other
    assert {one, other} == {one, one, other}
    assert 2 == len({one, other})


def test_a_text_without_facts_is_the_message_alone() -> None:
    """Facts that are not known leave no trace."""
    assert "it is full" == str(StoreError("it is full"))
    assert "no [task_id='t']" == str(TaskFailed("no", "t"))
    assert "no [task_id='t', code='500']" == str(TaskFailed("no", "t", "500"))


def test_a_timeout_is_caught_as_one() -> None:
    """Code that knows `TimeoutError` alone catches a task's timeout, and its facts are there."""
    with pytest.raises(TimeoutError) as caught:
        raise TaskTimeout("too late", "t")

    assert isinstance(caught.value, TaskTimeout)
    assert (caught.value.message, caught.value.task_id) == ("too late", "t")
