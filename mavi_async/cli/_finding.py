"""What a check found."""

from typing import Literal

import attrs

__all__ = ["Finding", "failed", "ok", "skipped"]


@attrs.frozen
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        status: How it is.
        text: What was seen.
        fix: What to do about it; empty where there is nothing to do.
    """

    check: str
    status: Literal["ok", "failed", "skipped"]
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(check, "ok", text)


def failed(check: str, text: str, fix: str) -> Finding:
    """Return that something has to be fixed."""
    return Finding(check, "failed", text, fix)


def skipped(check: str, text: str, fix: str = "") -> Finding:
    """Return that a check was left out."""
    return Finding(check, "skipped", text, fix)
