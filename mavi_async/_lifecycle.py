"""Whether a client is open, and where: what is asked before each of its calls."""

from typing import Literal

from mavi_async._errors import ClientClosed, TaskStateError
from mavi_async._loop import Home

__all__ = ["Lifecycle"]


class Lifecycle:
    """A client's way from new to open to closed, in one event loop and process."""

    def __init__(self) -> None:
        self._home = Home("client")
        self._state: Literal["new", "open", "closed"] = "new"

    def check_new(self) -> None:
        """Make sure that the client may be entered, here.

        Raises:
            TaskStateError: If it was entered, or belongs to another loop.
            ClientClosed: If it was closed.
        """
        self._home.enter()
        if self._state == "open":
            raise TaskStateError("the client is entered already: make another one")
        if self._state == "closed":
            raise ClientClosed("a client is entered once: make a new one")

    def open(self) -> None:
        """Let calls in from now on."""
        self._state = "open"

    def close(self) -> bool:
        """Let no more calls in; return whether it was not closed before."""
        was_closed, self._state = self._state == "closed", "closed"
        return not was_closed

    def check_open(self) -> None:
        """Make sure that the client can send requests.

        Raises:
            ClientClosed: If it was closed.
            TaskStateError: Outside ``async with``, or in another loop.
        """
        if self._state == "closed":
            raise ClientClosed("the client is closed: make a new one to submit")
        if self._state == "new":
            raise TaskStateError("enter the client first: async with MaviClient() as client")
        self._home.enter()

    def check_not_closed(self) -> None:
        """Make sure that the client may attach to something.

        Raises:
            ClientClosed: If it was closed.
        """
        if self._state == "closed":
            raise ClientClosed("the client is closed: make a new one to attach to the task")
