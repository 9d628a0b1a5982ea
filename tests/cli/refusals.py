"""Small tables as text, and what a refusal looks like."""

from __future__ import annotations

from cli_tables import Ran

ROWS = "".join(f"{i % 7},{(i * 5) % 11},{'ab'[i % 2]}\n" for i in range(40))
GOOD = "x,z,y\n" + ROWS
NUMBERS = "x,z,y\n" + "".join(f"{i % 7},{(i * 5) % 11},{(i % 7) * 2.5}\n" for i in range(60))


def refused(ran: Ran, says: tuple[str, ...]) -> None:
    """One clear line on standard error, nothing on standard output that looks like a result, exit code 2."""
    assert ran.code == 2, ran
    assert len(ran.error) == 1, ran.err
    (line,) = ran.error
    assert line.startswith("deltarule: ")
    assert "Traceback" not in ran.err
    assert "unexpected" not in line.split(":")[1], line
    for words in says:
        assert words in line
