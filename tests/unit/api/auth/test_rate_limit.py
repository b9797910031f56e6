"""The token bucket, with a clock that the test turns."""

from __future__ import annotations

from api.auth.rate_limit import RateLimiter


def test_a_key_gets_its_minute_and_then_waits_for_one_token() -> None:
    now = 0.0
    limiter = RateLimiter(60, clock=lambda: now)
    assert [limiter.take("a").wait for _ in range(60)] == [0] * 60
    refused = limiter.take("a")
    assert refused.wait == 1
    assert refused.remaining == 0
    now = 1.0
    assert limiter.take("a").wait == 0
    assert limiter.take("a").wait == 1


def test_keys_do_not_share_a_bucket() -> None:
    limiter = RateLimiter(1, clock=lambda: 0.0)
    assert limiter.take("a").wait == 0
    assert limiter.take("b").wait == 0
    assert limiter.take("a").wait == 60


def test_a_bucket_never_holds_more_than_a_minute() -> None:
    now = 0.0
    limiter = RateLimiter(2, clock=lambda: now)
    limiter.take("a")
    now = 3600.0
    assert [limiter.take("a").wait > 0 for _ in range(3)] == [False, False, True]


def test_both_header_families_say_the_same() -> None:
    headers = RateLimiter(10, clock=lambda: 0.0).take("a").headers()
    assert headers["X-RateLimit-Remaining"] == "9"
    assert headers["RateLimit"] == '"key";r=9;t=6'
    assert headers["RateLimit-Policy"] == '"key";q=10;w=60'
