"""Results drawn once more, wherever they are."""

import sys
from collections.abc import Sequence

from mavi_async._errors import ConfigurationError, MaviError
from mavi_async.cli._jobs import Listener
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._results import JsonResults, TextResults
from mavi_async.cli._sources import NotHere, Sources

__all__ = ["run_show"]


async def run_show(
    names: Sequence[str],
    place: Place,
    *,
    as_json: bool,
    format_name: str | None = None,
    uri: str | None = None,
) -> int:
    """Print results and return the exit code; what is wrong with one hides no other.

    Args:
        names: Task ids, files, or ``-``.
        place: The store.
        as_json: Whether to write JSON lines.
        format_name: The format of the files, where they do not tell.
        uri: What to call the recording; where a file holds several, the one to read.
    """
    results: Listener = JsonResults() if as_json else TextResults()
    note = error_notes()
    errors: list[MaviError] = []
    names = list(dict.fromkeys(names))
    async with Sources(place) as sources:
        for name in names:
            try:
                found = await sources.read(name, format_name=format_name, uri=uri)
            except (ConfigurationError, NotHere) as error:
                errors.append(error)
                note(str(error))
                continue
            if failure := found.outcome.error:
                errors.append(failure)
                note(f"failed: {found.name}: {failure}")
                results.failed(found.name, failure)
            else:
                results.succeeded(found.name, found.outcome.result())
            sys.stdout.flush()  # only what is out is handed out
            await sources.handed_out(name)
    all_wrong = all(isinstance(error, ConfigurationError) for error in errors)
    if not errors:
        return 0
    return 2 if all_wrong and len(errors) == len(names) else 1
