"""The pacers of one host: the schedules of `mavi_async._pacing` in rows of a SQLite file.

Their clock is `time.monotonic`, which all processes of a host share until it starts anew.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Final

import attrs

from mavi_async import _pacing
from mavi_async._pacing import Pace
from mavi_async.stores._protocol import Lane, Slot
from mavi_async.stores._sqlite_connections import Connections

__all__ = ["SQLitePacer"]

log = logging.getLogger("mavi_async")

# A process that asked for a slower rate has a say for so long after it last reserved a slot.
_SAY_SECONDS: Final = 60.0
_SAY_INTERVALS: Final = 10.0
_LONGEST_LEAD: Final = 0.1


@attrs.frozen
class _Row:
    """A lane's schedule as all processes see it.

    Attributes:
        pace: The schedule.
        interval: The slowest rate that somebody asked for lately.
        interval_at: When that was.
        written_at: When the row was written.
    """

    pace: Pace = attrs.field(factory=Pace)
    interval: float = 0.0
    interval_at: float = float("-inf")
    written_at: float = float("-inf")

    def slowest(self, interval: float, now: float) -> "_Row":
        """Let one more rate have its say."""
        lasts = _say_seconds(self.interval)
        if interval >= self.interval or now - self.interval_at > lasts:
            return attrs.evolve(self, interval=interval, interval_at=now)
        return self


def _say_seconds(interval: float) -> float:
    return max(_SAY_SECONDS, _SAY_INTERVALS * interval)


class SQLitePacer:
    """One client's share in the schedule of a lane.

    Args:
        connections: The file.
        lane: What the rate is about.
        interval: Seconds between requests, as this client is told.
        clock: Returns seconds that never go back, the same in all processes of the host.
    """

    def __init__(
        self,
        connections: Connections,
        lane: Lane,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._lane = lane
        self.interval = interval
        self._clock = clock
        self._lead = 0.0
        self._has_warned = False

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step."""

        def reserve(connection: sqlite3.Connection) -> tuple[Slot, float]:
            now = self._clock()
            row = _read(connection, self._lane, lambda: now).slowest(self.interval, now)
            pace = row.pace
            if instead_of is not None:
                pace = _pacing.give_back(pace, row.interval, instead_of.number)
            pace, at = _pacing.reserve(pace, row.interval, now + self._lead)
            _write(connection, self._lane, attrs.evolve(row, pace=pace), now)
            slot = Slot(
                pace.number,
                at,
                0.0,
                row.interval,
                _pacing.margin(row.interval),
                _pacing.is_ack_clocked(pace, row.interval),
            )
            return slot, now

        slot, reserved_at = await self._connections.write(reserve)
        now = self._clock()
        # A slot that begins at once would be over before this is committed.
        self._lead = min(_LONGEST_LEAD, now - reserved_at)
        self._warn_of(slot.interval)
        return attrs.evolve(slot, delay=slot.at - now)

    async def confirm(self, slot: Slot) -> Slot:
        """Return a reservation as it stands now."""

        def confirm(connection: sqlite3.Connection) -> Slot:
            row = _read(connection, self._lane, self._clock)
            interval = max(self.interval, row.interval)
            at = _pacing.confirm(row.pace, interval, slot.number, slot.at)
            waits = _pacing.must_wait(row.pace, interval, slot.number)
            return attrs.evolve(slot, at=at, waits=waits)

        confirmed = await self._connections.read(confirm)
        return attrs.evolve(confirmed, delay=confirmed.at - self._clock())

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        await self._change(lambda pace, interval, _: _pacing.give_back(pace, interval, slot.number))

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        if late > slot.tolerance:  # or else it changes nothing
            number, at = slot.number, slot.at
            await self._change(
                lambda pace, interval, now: _pacing.leave(
                    pace, interval, number, at, at + late, now
                )
            )

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit."""

        def answer(pace: Pace, interval: float, now: float) -> Pace:
            if refused:
                return _pacing.refuse(pace, interval, slot.number, slot.at, now, certain=certain)
            return _pacing.accept(pace, slot.number)

        await self._change(answer)

    async def unanswered(self, slot: Slot) -> None:
        """Note that the request has no answer, so that no other one waits for it."""
        await self._change(lambda pace, _, __: _pacing.lose(pace, slot.number))

    async def _change(self, change: Callable[[Pace, float, float], Pace]) -> None:
        def apply(connection: sqlite3.Connection) -> None:
            now = self._clock()
            row = _read(connection, self._lane, lambda: now)
            pace = change(row.pace, max(self.interval, row.interval), now)
            if pace != row.pace:
                _write(connection, self._lane, attrs.evolve(row, pace=pace), now)

        await self._connections.write(apply)

    def _warn_of(self, interval: float) -> None:
        if interval != self.interval and not self._has_warned:
            self._has_warned = True
            log.warning(
                "clients of one account ask for different rates on %s: the slowest one counts, "
                "one request every %g s, until it has asked for no turn for %.0f s, even if its "
                "process has ended",
                self._lane.endpoint,
                interval,
                _say_seconds(interval),
            )


def _read(connection: sqlite3.Connection, lane: Lane, clock: Callable[[], float]) -> _Row:
    """Read a lane's schedule; one from before the clock started anew is void.

    The clock is looked at after the row: another process may write it only just before.
    """
    values = connection.execute(
        "SELECT next_at, number, last_at, extra, pressure, held_from, held_to, held_until,"
        " answered, interval, interval_at, written_at FROM rate"
        " WHERE origin = ? AND account = ? AND endpoint = ?",
        attrs.astuple(lane),
    ).fetchone()
    if values is None or values[-1] > clock():
        return _Row()
    return _Row(Pace(*values[:9]), *values[9:])


def _write(connection: sqlite3.Connection, lane: Lane, row: _Row, now: float) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO rate (origin, account, endpoint, next_at, number, last_at, extra,"
        " pressure, held_from, held_to, held_until, answered, interval, interval_at, written_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*attrs.astuple(lane), *attrs.astuple(row.pace), row.interval, row.interval_at, now),
    )
