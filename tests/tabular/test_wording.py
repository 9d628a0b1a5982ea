"""Messages are written as people write."""

from __future__ import annotations

from deltarule.tabular.wording import count


def test_counts_agree_with_their_noun() -> None:
    assert (count(1, "row"), count(0, "row"), count(2000, "row")) == ("1 row", "0 rows", "2,000 rows")
