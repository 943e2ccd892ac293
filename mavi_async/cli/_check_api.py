"""Whether the API is there, takes the key, and agrees on the time. Costs nothing."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from mavi_async._answers import Reply
from mavi_async._configuration import BaseUrl, find_base_url
from mavi_async._errors import ConfigurationError
from mavi_async._secret import ApiKey, find_api_key
from mavi_async.cli._exchange import Exchange, connection_trouble, exchange
from mavi_async.cli._finding import Finding, failed, ok, skipped

__all__ = ["check_api"]

_NO_ASSET: Final = "re_0"
_KEY_REFUSED: Final = ("401", "403", "0401", "0403", "9009")
_SKEW: Final = 30.0
_WHERE: Final = "--base-url or MAVI_BASE_URL; without either, it is MAVI's own"


async def check_api(base_url: str | None) -> list[Finding]:
    """Look at the key, the base URL, the API and the clock.

    Args:
        base_url: Where the API is; by default ``MAVI_BASE_URL``, or MAVI's own.
    """
    findings = []
    key = url = None
    try:
        key = find_api_key(None)
        findings.append(ok("key", "MAVI_API_KEY is set and well-formed"))
    except ConfigurationError as error:
        fix = "export MAVI_API_KEY=…, with the key from MAVI's console"
        findings.append(failed("key", error.message, fix))
    try:
        url = find_base_url(base_url)
    except ConfigurationError as error:
        fix = f"correct {_WHERE}"
        findings.append(failed("base URL", error.message, fix))
    if url is None:
        return [*findings, *_left_out("there is no base URL")]
    try:
        answer = await _ask(url, key)
    except httpx.HTTPError as error:
        trouble = connection_trouble("base URL", error, url.host, "the API")
        return [*findings, trouble, *_left_out("there was no answer")]
    return [*findings, *_judge(answer, url, key)]


async def _ask(url: BaseUrl, key: ApiKey | None) -> Exchange:
    """Ask for an asset that cannot exist: whoever may ask gets told so, and pays nothing."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if key is not None:
        headers["Authorization"] = key.reveal()
    return await exchange("GET", f"{url.url}/{_NO_ASSET}/metadata", headers)


def _judge(answer: Exchange, url: BaseUrl, key: ApiKey | None) -> Iterator[Finding]:
    trouble = _no_api(answer.reply, url)
    if trouble is None:
        yield ok("base URL", f"{url.host} resolves and answers as the API does")
        yield _judge_key(answer.reply, key)
    else:
        yield trouble
        yield skipped("key accepted", "only the API itself can tell")
    yield _judge_clock(answer)


def _no_api(reply: Reply, url: BaseUrl) -> Finding | None:
    """Tell whether something else answered, or the API is out of order."""
    said = f"{url.host} answers HTTP {reply.status}"
    if 300 <= reply.status < 400:
        fix = "set the base URL to the address that it leads to; the key is sent to no other"
        return failed("base URL", f"{said}, a redirect", fix)
    if reply.status >= 500:
        return failed("base URL", f"{said}: the API is out of order", "try again in some minutes")
    if reply.envelope is None and (reply.status == 404 or reply.status < 300):
        fix = f"see whether a proxy answers in its place, or correct {_WHERE}"
        return failed("base URL", f"{said}, and not as the API does", fix)
    return None


def _judge_key(reply: Reply, key: ApiKey | None) -> Finding:
    code = None if reply.envelope is None else reply.envelope.code
    refused = str(reply.status) in _KEY_REFUSED or code in _KEY_REFUSED
    if key is None:
        return skipped("key accepted", "there is no key to try")
    if not refused:
        return ok("key accepted", "the API takes the key")
    said = [f"HTTP {reply.status}"]
    if reply.envelope is not None:
        said += [f"code {code}", key.redact(reply.envelope.text)]
    return failed(
        "key accepted",
        f"the API refuses the key: {', '.join(filter(None, said))}",
        "copy the key again from MAVI's console; look there whether it is disabled, lacks the "
        "permission, or is bound to other IP addresses than this machine's",
    )


def _judge_clock(answer: Exchange) -> Finding:
    try:
        skew = answer.at - parsedate_to_datetime(answer.date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return skipped("clock", "the answer has no date to compare with")
    if abs(skew) <= _SKEW:
        return ok("clock", f"within {_SKEW:g} s of the API's")
    way = "ahead of" if skew > 0 else "behind"
    return failed(
        "clock",
        f"this machine's clock is {abs(skew):.0f} s {way} the API's",
        "let NTP set it: by the clock it is decided when a submission whose process died counts "
        "as unknown and when results expire, also by other hosts that share the store",
    )


def _left_out(why: str) -> tuple[Finding, Finding]:
    return skipped("key accepted", why), skipped("clock", why)
