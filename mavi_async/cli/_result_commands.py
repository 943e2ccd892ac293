"""The commands about results, and their options; none needs a key."""

import asyncio
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from mavi_async.cli._options import AsJson, Flag, Output, Store

__all__ = ["export", "score", "show"]

Result: TypeAlias = Annotated[str, Parameter(allow_leading_hyphen=True)]
Results: TypeAlias = Annotated[list[str], Parameter(allow_leading_hyphen=True)]
From: TypeAlias = Annotated[str | None, Parameter(name="--from")]
Renames: TypeAlias = Annotated[list[str] | None, Parameter(negative="")]


def show(
    results: Results,
    /,
    *,
    uri: str | None = None,
    from_format: From = None,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Draw results: of jobs in the store, of saved callbacks, or of files in other formats.

    The exit code is 1 if some of them are missing or report a failure, 2 if none can be read.

    Args:
        results: Task ids or files; - is standard input. What exists as a file, or has a dot or a
            slash, is a file.
        uri: What to call the recording; where a file holds several, the one to draw.
        from_format: The format of a file that does not tell by its name or its first line.
        as_json: Write a JSON object a line instead of drawings.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._show import run_show

    showing = run_show(
        results, find_place(store), as_json=as_json, format_name=from_format, uri=uri
    )
    return asyncio.run(showing)


def export(
    result: Result,
    /,
    *,
    to: str | None = None,
    output: Output = None,
    uri: str | None = None,
    from_format: From = None,
    rename: Renames = None,
    merge_gaps: float | None = None,
    min_duration: float | None = None,
    exclusive: Flag = False,
    audio: str | None = None,
    audio_src: str | None = None,
    store: Store = None,
) -> int:
    """Write a result in another format: for scorers, players, editors, tables or people.

    Cleaned up first, if so asked: speakers are renamed, pauses closed, short segments left out,
    one speaker at a time kept, in this order. The exit code is 1 if the result is missing or a
    failure, 2 if it cannot be read or written.

    Args:
        result: A task id or a file; - is standard input. What exists as a file, or has a dot or a
            slash, is a file.
        to: The format: rttm, uem, lab, json, jsonl, csv, vtt, srt, audacity, textgrid, svg or
            html. By default the suffix of --output tells.
        output: The file, which is replaced if it exists, or a folder, in which the file is named
            after the recording; by default -, standard output.
        uri: What to call the recording; where a file holds several, the one to read.
        from_format: The format of a file that does not tell by its name or its first line.
        rename: OLD=NEW, such as SPEAKER_00=Ann; may be repeated. Two may get the same name.
        merge_gaps: Close pauses of a speaker that are shorter than so many seconds.
        min_duration: Leave out segments that are shorter than so many seconds.
        exclusive: Leave one speaker at a time, as subtitles need it.
        audio: The recording, to be played from the page; html only, 32 MiB at most.
        audio_src: Instead, the URL of the recording, relative to the page or of http(s).
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._export import CleanUp, ExportOptions, run_export
    from mavi_async.cli._place import find_place

    clean_up = CleanUp(rename or (), merge_gaps, min_duration, exclusive)
    options = ExportOptions(to, output, from_format, uri, clean_up, audio, audio_src)
    return asyncio.run(run_export(result, options, find_place(store)))


def score(
    hypothesis: Result,
    reference: Result,
    /,
    *,
    collar: float = 0.0,
    skip_overlap: Flag = False,
    uri: str | None = None,
    from_format: From = None,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Compare a result with a reference: diarization error rate, its parts, Jaccard error rate.

    The names of speakers need not agree: the best pairing counts. Needs the extra `metrics`:
    pip install "mavi-async[metrics]".

    Args:
        hypothesis: The result, a task id or a file; - is standard input.
        reference: Who really spoke when, likewise.
        collar: Seconds around each bound of the reference that do not count: the whole width, as
            in pyannote, so that 0.5 forgives a quarter of a second on either side. Not for the
            Jaccard error rate.
        skip_overlap: Leave out where several speak in the reference. Not for the Jaccard error
            rate.
        uri: Where a file holds several recordings, the one to read.
        from_format: The format of whichever of the two does not tell by its suffix.
        as_json: Write a JSON object: rates as shares, parts in seconds.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._score import ScoreOptions, run_score

    options = ScoreOptions(collar, skip_overlap, uri, from_format, as_json)
    return asyncio.run(run_score(hypothesis, reference, options, find_place(store)))
