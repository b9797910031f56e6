"""Ranges of RFC 9110, checked against slicing."""

from __future__ import annotations

import pytest

from api.http import conditional


@pytest.mark.parametrize(
    ("header", "slice_"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=2-5", slice(2, 6)),
        ("bytes=7-", slice(7, None)),
        ("bytes=-3", slice(-3, None)),
        ("bytes=-99", slice(0, None)),
        ("bytes=4-99", slice(4, None)),
    ],
)
def test_one_range_is_that_slice(header: str, slice_: slice) -> None:
    content = b"0123456789"
    part = conditional.parse_range(header, len(content))
    assert part is not None
    assert content[part.start : part.start + part.length] == content[slice_]


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b"]
)
def test_what_is_not_one_range_means_the_whole(header: str | None) -> None:
    assert conditional.parse_range(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_behind_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(conditional.UnsatisfiableRangeError):
        conditional.parse_range(header, 10)


def test_content_range_names_first_last_and_size() -> None:
    part = conditional.parse_range("bytes=2-5", 10)
    assert part is not None
    assert part.content_range == "bytes 2-5/10"
