"""Small pieces of messages: counted things, and names that are like an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize

from deltarule.errors import did_you_mean


def count(number: int, what: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def near_matches(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the known names that look like it, or the first known ones."""
    names = list(known)
    twin = next((other for other in names if normalize("NFC", other) == normalize("NFC", name)), None)
    if twin not in (None, name):
        return f"{twin!r} looks the same, but its accents are encoded in another way (Unicode NFC, NFD): rename one"
    near = did_you_mean(name, names, most=3, cutoff=0.65)
    if near:
        return near
    more = ", ..." if len(names) > 10 else ""
    return "the columns are " + ", ".join(map(repr, names[:10])) + more
