"""``python -m deltarule`` is the command ``deltarule``."""

from __future__ import annotations

from deltarule.cli import main

if __name__ == "__main__":
    main()
