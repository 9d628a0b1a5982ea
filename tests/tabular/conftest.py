"""Property tests of this room: no deadline, for a busy machine is not a wrong result."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tabular", deadline=None, max_examples=60)
settings.load_profile("tabular")
