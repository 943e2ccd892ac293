"""What can be done in a world, one method for each kind of operation."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from mavi_async import Delivery, SpeakerTask, StoreError
from mavi_async._errors import (
    ConfigurationError,
    DispatcherClosed,
    MalformedResult,
    TaskFailed,
    TaskTimeout,
)
from mavi_async._records import Intent, IntentState
from tests.stateful.model import Fed, Hook, Submit, Wait
from tests.stateful.processes import FAULT, Busy, Process, body_of, label_of
from tests.stateful.still_loop import CLOCK, Broken

if TYPE_CHECKING:
    from tests.stateful.world import World

__all__ = ["ENDS", "MALFORMED", "Deeds"]

ENDS: Final = ("crash", "restart", "close")
"""Operations that end what others run in."""
MALFORMED: Final = (b"", b"[]", b'{"task_id": 1}', b'{"task_id": "a b"}', b"\xff", b'{"a": NaN}')


class Deeds:
    """The operations; each takes a process, a job and a choice."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def feed(self, process: Process, name: str, choice: str) -> None:
        """Feed a version of the callback, with a fault perhaps."""
        label, _, fault = choice.partition(" ")
        fed = Fed(name, label, fault)
        self._world.fed.append(fed)
        await self._feed(process, fed)

    async def feed_early(self, name: str, number: int) -> None:
        """Feed a callback on behalf of the server."""
        process = self._world.processes[number]
        fed = Fed(name, "A", "")
        self._world.fed.append(fed)
        feeding = self._feed(process, fed)
        task = asyncio.get_running_loop().create_task(feeding, context=process.context.copy())
        await asyncio.wait([task])

    async def _feed(self, process: Process, fed: Fed) -> None:
        FAULT.set(fed.fault)
        try:
            fed.end = await process.dispatcher.feed(body_of(fed.name, fed.label))
        except StoreError as error:
            self._world.show(error)
            fed.end = "not kept"
        except Exception as error:  # noqa: BLE001 - that is the finding
            fed.end = repr(error)

    async def malformed(self, process: Process, name: str, choice: str) -> None:
        """Feed what is no callback."""
        body = MALFORMED[int(choice)]
        if await process.dispatcher.feed(body) is not Delivery.MALFORMED:
            raise Broken("I8", f"{body!r} is not malformed")

    async def wait(self, process: Process, name: str, choice: str) -> None:
        """Begin to wait; the choice is the timeout."""
        world, task = self._world, self._task(process, name)
        wait = Wait(
            process,
            process.client,
            name,
            float(choice) if choice else None,
            since=CLOCK.now,
            was_there=world.job(name).label is not None,
            known=world.labels.get(task),
        )
        world.waits.append(wait)
        wait.started(asyncio.create_task(self._wait(wait, task)))

    async def _wait(self, wait: Wait, task: SpeakerTask) -> None:
        try:
            wait.end = (await task.wait(wait.timeout)).segments[0].speaker[-1]
        except TaskFailed:
            wait.end = "F"
        except MalformedResult as error:
            wait.end = label_of(error.raw)
        except (TaskTimeout, DispatcherClosed) as error:
            self._world.show(error)
            wait.end = type(error).__name__
            return
        except asyncio.CancelledError:
            wait.end = "cancelled"
            return
        except BaseException as error:  # noqa: BLE001 - that is the finding
            wait.end = repr(error)
            return
        self._world.job(wait.name).is_collected = True

    async def cancel(self, process: Process, name: str, choice: str) -> None:
        """Cancel the first or the last who waits for the job, in either process."""
        waits = [wait for wait in self._world.waits if wait.name == name and wait.is_pending]
        if waits:
            waits[0 if choice == "first" else -1].cancel()

    async def attach(self, process: Process, name: str, choice: str) -> None:
        """Refer to the job's task."""
        process.handles[name] = self._task(process, name)

    async def drop(self, process: Process, name: str, choice: str) -> None:
        """Refer to it no more."""
        process.handles.pop(name, None)

    async def hook(self, process: Process, name: str, choice: str) -> None:
        """Add a done-callback."""
        hook = Hook(process, process.client, name)
        self._world.hooks.append(hook)
        self._task(process, name).add_done_callback(hook)

    async def unhook(self, process: Process, name: str, choice: str) -> None:
        """Remove the done-callbacks."""
        for hook in self._world.hooks:
            if (hook.process, hook.name) == (process, name) and hook.is_pending:
                hook.is_removed = True
                self._task(process, name).remove_done_callback(hook)

    async def submit(self, process: Process, name: str, choice: str) -> None:
        """Submit; the choice is the answers to come and, after a colon, an idempotency key."""
        world = self._world
        plan, _, key = choice.partition(":")
        asset_id = f"re_key{key}_{world.age}" if key else f"re_{len(world.server.plans)}"
        world.server.plans.setdefault(asset_id, deque()).extend(plan.split())
        key_or_none = f"key{key}_{world.age}" if key else None
        submit = Submit(process, process.client, asset_id, key_or_none, plan.split()[-1])
        world.submits.append(submit)
        task = asyncio.create_task(self._submit(submit))
        submit.started(task)
        if "held" not in plan:
            await asyncio.wait([task])

    async def _submit(self, submit: Submit) -> None:
        world, client = self._world, submit.client
        try:
            task = await client.submit_speaker(submit.asset_id, idempotency_key=submit.key)
        except asyncio.CancelledError:
            submit.end = "cancelled"
        except Exception as error:  # noqa: BLE001 - judged by the check
            world.show(error)
            submit.end = type(error).__name__
        else:
            submit.end = task.task_id
            world.refer(task.task_id)
            if not submit.is_orphaned:
                submit.process.handles[task.task_id] = task

    async def unsubmit(self, process: Process, name: str, choice: str) -> None:
        """Cancel the submits that are under way."""
        for submit in self._world.submits:
            submit.cancel()

    async def release(self, process: Process, name: str, choice: str) -> None:
        """Let the server send the answers that it holds back."""
        self._world.server.release.set()
        await asyncio.sleep(0)
        self._world.server.release.clear()

    async def resume(self, process: Process, name: str, choice: str) -> None:
        """I16: take up what is left; all that nobody has must be there."""
        known = [job for job in self._world.jobs.values() if job.is_known]
        tasks = await process.client.resume()
        # Meanwhile somebody may have got a result.
        due = {job.name for job in known if job.label is None or not job.is_collected}
        missing = due - {task.task_id for task in tasks}
        if missing and not self._world.is_disturbed:
            raise Broken("I16", f"resume() forgot {sorted(missing)}")
        for task in tasks:
            self._world.refer(task.task_id)
            process.handles[task.task_id] = task

    async def adopt(self, process: Process, name: str, choice: str) -> None:
        """I14: bind a submission to the job; neither may be bound already."""
        world = self._world
        intents: list[Intent] = []
        for state in (IntentState.UNKNOWN, IntentState.ACCEPTED):
            intents += await world.observer.list_intents(state)
        if not intents:
            return
        intent = intents[int(choice) % len(intents)]
        is_free = intent.state is IntentState.UNKNOWN and not world.job(name).is_known
        try:
            task = await process.client.adopt(intent.intent_id, name)
        except ConfigurationError as error:
            world.show(error)
            return
        if name in (intent.task_id, world.task_of.get(intent.asset_id)):
            return  # the same once more
        if not is_free or {name, intent.asset_id} & {*world.task_of, *world.task_of.values()}:
            raise Broken("I14", f"{name} or the submission of {intent.asset_id} was bound already")
        world.task_of[intent.asset_id] = name
        world.ever_adopted.add(name)
        world.refer(name)
        process.handles[name] = task

    async def crash(self, process: Process, name: str, choice: str) -> None:
        """Throw a process away as it is, and start another one in its place."""
        self._world.is_disturbed = True
        process.line.cut()
        for task in tuple(process.tasks):
            task.cancel()
        # What its thread is in the middle of is done, or not, before anybody looks.
        await Busy(process.store).expire()
        await self._world.replace(process)

    async def restart(self, process: Process, name: str, choice: str) -> None:
        """Close a process in good order, and start another one in its place."""
        self._world.is_disturbed = True
        await process.client.aclose()
        await process.dispatcher.aclose()
        await Busy(process.store).aclose()
        process.line.cut()
        await self._world.replace(process)

    async def close(self, process: Process, name: str, choice: str) -> None:
        """Close a client; another one takes its place at the dispatcher."""
        self._world.is_disturbed = True
        process.handles.clear()
        client = process.client
        await process.new_client().__aenter__()
        await client.aclose()
        self._world.hooks = [hook for hook in self._world.hooks if hook.client is not client]

    async def nothing(self, process: Process, name: str, choice: str) -> None:
        """Have everything checked."""

    def _task(self, process: Process, name: str) -> SpeakerTask:
        self._world.refer(name)
        return process.client.speaker_task(name)
