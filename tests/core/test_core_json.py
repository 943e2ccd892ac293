"""Strict JSON: what is read, and what is refused before it can do harm."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mavi_async._json import MAX_DEPTH, InvalidJSON, dump, load

BAD = {
    "empty": (b"", "not JSON: Expecting value at character 0"),
    "blank": (b" \r\n\t ", "not JSON: Expecting value at character 5"),
    "truncated": (b'{"task_id": "x', "not JSON: Unterminated string starting at at character 12"),
    "unclosed": (b'{"task_id": "x"', "not JSON: Expecting ',' delimiter at character 15"),
    "two documents": (b"{}{}", "not JSON: Extra data at character 2"),
    "trailing garbage": (b'{"a":1}x', "not JSON: Extra data at character 7"),
    "trailing NUL": (b"{}\0", "not JSON: Extra data at character 2"),
    "comment": (b'{"a": 1 /* one */}', "not JSON: Expecting ',' delimiter at character 8"),
    "trailing comma": (b"[1,]", None),
    "single quotes": (b"{'a': 1}", None),
    "BOM": (b"\xef\xbb\xbf{}", None),
    "UTF-16": ('{"task_id":"x"}'.encode("utf-16"), "not valid UTF-8"),
    "UTF-16 without BOM": ('{"task_id":"x"}'.encode("utf-16-le"), None),
    "UTF-32": ('{"task_id":"x"}'.encode("utf-32"), "not valid UTF-8"),
    "Latin-1": ('{"speaker":"é"}'.encode("latin-1"), "not valid UTF-8"),
    "encoded surrogate": (b'"\xed\xa0\x80"', "not valid UTF-8"),
    "overlong": (b'"\xc0\xaf"', "not valid UTF-8"),
    "NUL in a string": (b'{"a": "\0"}', "not JSON: Invalid control character at at character 7"),
    "newline in a string": (b'{"a": "\n"}', None),
    "bad escape": (b'"\\x41"', None),
    "NaN": (b'{"start": NaN}', "not JSON: NaN is not a number"),
    "Infinity": (b"[Infinity]", "not JSON: Infinity is not a number"),
    "-Infinity": (b"[-Infinity]", "not JSON: -Infinity is not a number"),
    "leading zero": (b"[01]", None),
    "plus": (b"[+1]", None),
    "5,000 digits": (b"1" * 5_000, "holds a number of too many digits"),
    "a million digits": (b"[-" + b"9" * 1_000_000 + b"]", "holds a number of too many digits"),
    "100,000 lists": (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 32 levels"),
    "100,000 objects": (
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "nested deeper than 32 levels",
    ),
    "a million unclosed brackets": (b"[" * 1_000_000, "nested deeper than 32 levels"),
    "a million unclosed braces": (b'{"":' * 1_000_000, "nested deeper than 32 levels"),
    "task_id twice": (b'{"task_id":"x","task_id":"x"}', "names task_id twice"),
    "task_id twice, one escaped": (b'{"task_id":"x","task\\u005fid":"y"}', "names task_id twice"),
    "task_id twice, both escaped": (
        b'{"task\\u005fid":"x","\\u0074ask_id":"y"}',
        "names task_id twice",
    ),
    "task_id twice below": (b'{"data":[{"task_id":"x","task_id":"x"}]}', "names task_id twice"),
}

ODD: dict[str, tuple[bytes, Any]] = {
    "null": (b"null", None),
    "true": (b"true", True),
    "number": (b"1.5", 1.5),
    "string": (b'"x"', "x"),
    "empty list": (b"[]", []),
    "opening bracket between escaped quotes": (b'["\\"[\\""]', ['"["']),
    "closing bracket between escaped quotes": (b'["\\"]\\""]', ['"]"']),
    "space around": (b" \n{}\r\n", {}),
    "2^64": (b"[18446744073709551616]", [2**64]),
    "400 digits": (b"1" * 400, int("1" * 400)),
    "negative zero": (b"-0.0", -0.0),
    "beyond a double": (b"1e400", float("inf")),
    "lone surrogate": (b'"\\ud800"', "\ud800"),
    "escaped NUL": (b'"\\u0000"', "\0"),
    "other duplicates": (b'{"task_id":"x","a":1,"a":2}', {"task_id": "x", "a": 2}),
    "task_id as a value": (b'{"task_id":"task_id"}', {"task_id": "task_id"}),
    "task_id on two levels": (
        b'{"data":{"task_id":"x"},"task_id":"y"}',
        {"data": {"task_id": "x"}, "task_id": "y"},
    ),
    "__proto__": (b'{"__proto__":{"a":1}}', {"__proto__": {"a": 1}}),
}


def depth_of(document: object) -> int:
    """How many containers are nested in each other."""
    if isinstance(document, dict):
        return 1 + max(map(depth_of, document.values()), default=0)
    if isinstance(document, list):
        return 1 + max(map(depth_of, document), default=0)
    return 0


@pytest.mark.parametrize(("body", "reason"), BAD.values(), ids=BAD)
def test_what_is_not_one_strict_document_is_refused(body: bytes, reason: str | None) -> None:
    """Each body that two readers could understand differently is an `InvalidJSON` with a why."""
    with pytest.raises(InvalidJSON) as caught:
        load(body)

    assert reason in (None, str(caught.value))
    assert str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("body", "document"), ODD.values(), ids=ODD)
def test_what_is_odd_but_json_is_read(body: bytes, document: Any) -> None:
    """Documents that later layers judge pass here."""
    assert document == load(body)


OPENERS = {
    "lists": (b"[", b"]"),
    "objects": (b'{"a":', b"}"),
    "lists of objects": (b'[{"a":', b"}]"),
    "objects of lists": (b'{"a":[', b"]}"),
    "brackets in keys": (b'{"[{":', b"}"),
    "closing brackets in keys": (b'{"}]":', b"}"),
    "balanced brackets in keys": (b'{"[]":', b"}"),
    "escaped quotes in keys": (b'{"\\"":', b"}"),
    "escapes and brackets in keys": (b'{"\\"]\\\\":', b"}"),
    "with neighbours": (b'["[","]",[],{},"",', b"]"),
    "with neighbours and escapes": (b'["\\u005b","]",[[]],', b"]"),
    "wide": (b'[[],{"a":[]},', b",{},[]]"),
}


@pytest.mark.parametrize(("opener", "closer"), OPENERS.values(), ids=OPENERS)
def test_thirty_two_levels_are_read_and_not_one_more(opener: bytes, closer: bytes) -> None:
    """The bound on depth is exact, whatever the brackets are made of and stand between."""
    bodies = [opener * times + b"1" + closer * times for times in range(1, MAX_DEPTH + 2)]
    deepest = next(body for body in bodies if depth_of(json.loads(body)) == 32)
    deeper = bodies[bodies.index(deepest) + 1]

    assert json.loads(deepest) == load(deepest)
    with pytest.raises(InvalidJSON, match=r"^nested deeper than 32 levels$"):
        load(deeper)


@pytest.mark.parametrize("extra", [b"", b'"[', b'"\\n'])
def test_an_odd_depth_of_mixed_brackets_is_counted(extra: bytes) -> None:
    """Thirty-three levels are too many where objects and lists alternate, too."""
    string = b"," + extra + b'"' if extra else b""
    inner = b"[1" + string + b"]"
    body = b'[{"a":' * 16 + inner + b"}]" * 16

    assert json.loads(body)
    with pytest.raises(InvalidJSON, match="nested deeper"):
        load(body)


def test_three_hundred_thousand_keys_are_read() -> None:
    """Width is not depth."""
    document = {str(number): number for number in range(300_000)}

    assert document == load(json.dumps(document).encode())


TEXT = st.text() | st.sampled_from(["[", "]", "{", "}", '"', '\\"', "\\", '["', "task_id"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]), st.integers(0, 40))
@example(['"', "["], True, None, 31)
@example(['"', "["], True, None, 32)
def test_what_the_standard_library_writes_is_read_back_equal(
    document: object, ascii_only: bool, indent: int | None, more_levels: int
) -> None:
    """Within the bound on depth every document comes back; beyond it none does."""
    for level in range(more_levels):
        document = [document] if level % 2 else {'k"[': document}
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode(
        errors="surrogatepass"
    )

    if depth_of(document) > MAX_DEPTH:
        with pytest.raises(InvalidJSON, match="nested deeper"):
            load(body)
    else:
        assert document == load(body)


@given(DOCUMENTS)
def test_what_is_dumped_is_read_back(document: object) -> None:
    """Writing and reading are inverse."""
    assert document == load(dump(document))


def test_dumping_is_compact_and_keeps_letters() -> None:
    """No spaces, no escapes that UTF-8 does not need."""
    assert '{"é":[1,2.5,null]}'.encode() == dump({"é": [1, 2.5, None]})


def endless() -> list[object]:
    """A list that holds itself."""
    own: list[object] = []
    own.append(own)
    return own


def too_deep() -> object:
    """A document too deep to be written."""
    document: object = None
    for _ in range(100_000):
        document = [document]
    return document


@pytest.mark.parametrize(
    "document",
    [float("nan"), float("-inf"), {"a": b"bytes"}, {1, 2}, "\ud800", endless(), {(1,): 2}],
    ids=str,
)
def test_what_json_cannot_say_is_not_dumped(document: object) -> None:
    """Each is an `InvalidJSON`, of whichever kind the standard library's error is."""
    with pytest.raises(InvalidJSON, match=r"^not JSON: "):
        dump(document)


def test_what_is_too_deep_is_not_dumped() -> None:
    """The interpreter's recursion limit does not come through."""
    with pytest.raises(InvalidJSON, match=r"^not JSON: "):
        dump(too_deep())


@given(st.binary(max_size=40) | st.text('[]{}":,\\tu05fask_id01', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Nothing but a document or an `InvalidJSON` comes out."""
    try:
        document = load(body)
    except InvalidJSON:
        return
    assert json.loads(body) == document
