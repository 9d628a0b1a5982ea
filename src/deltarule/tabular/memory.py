"""How much memory the machine has."""

from __future__ import annotations

import os


def memory() -> int:
    """Bytes of the machine's memory; a guess where the system does not tell."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**35
