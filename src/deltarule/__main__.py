"""The command ``deltarule``, also as ``python -m deltarule``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; Ctrl-C is one line also while it is still being loaded."""
    try:
        from deltarule.cli import main as run
    except KeyboardInterrupt:
        print("deltarule: interrupted: nothing was written", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
