"""Messages are written as people write."""

from __future__ import annotations

from deltarule.tabular.wording import count, near_matches


def test_counts_agree_with_their_noun() -> None:
    assert (count(1, "row"), count(0, "row"), count(2000, "row")) == ("1 row", "0 rows", "2,000 rows")


def test_a_name_that_looks_the_same_is_told() -> None:
    assert near_matches("Gr\u00f6\u00dfe", ["z", "Gro\u0308\u00dfe"]).endswith(
        "encoded in another way (Unicode NFC, NFD): rename one"
    )
    assert near_matches("hight", ["height", "z"]) == "did you mean 'height'?"
    assert near_matches("qq", ["height", "z"]) == "the columns are 'height', 'z'"
