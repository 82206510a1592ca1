from container_manager_core.clock import VirtualClock
from container_manager_core.throttling import TokenBucket


def bucket(per_second: float, burst: int) -> tuple[TokenBucket, VirtualClock]:
    clock = VirtualClock()
    return TokenBucket(per_second, burst, clock, clock.advance), clock


def test_a_burst_is_let_through_and_then_the_rate_holds() -> None:
    tokens, clock = bucket(per_second=2, burst=3)
    for _ in range(3):
        tokens.take()
    assert clock.monotonic() == 0
    for _ in range(10):
        tokens.take()
    assert clock.monotonic() == 5


def test_a_long_rest_gives_no_more_than_the_burst() -> None:
    tokens, clock = bucket(per_second=1, burst=2)
    clock.advance(1000)
    for _ in range(4):
        tokens.take()
    assert clock.monotonic() == 1002


def test_a_drained_bucket_lets_nothing_through_at_once() -> None:
    tokens, clock = bucket(per_second=4, burst=8)
    tokens.drain()
    tokens.take()
    assert clock.monotonic() == 0.25


def test_hosts_of_one_account_share_a_bucket() -> None:
    assert TokenBucket.shared(("account", "api"), 1, 1) is TokenBucket.shared(("account", "api"), 1, 1)
    assert TokenBucket.shared(("account", "api"), 1, 1) is not TokenBucket.shared(("other", "api"), 1, 1)
