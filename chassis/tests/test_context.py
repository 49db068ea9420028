import time

import pytest

from chassis import context


def test_no_time_is_left_after_the_deadline() -> None:
    context.start_deadline(0.001)
    time.sleep(0.002)

    with pytest.raises(context.DeadlineExceeded):
        context.check_deadline()


def test_without_a_deadline_there_is_no_limit() -> None:
    context.start_deadline(60)
    assert 59 < (context.remaining_seconds() or 0) <= 60

    context.clear_deadline()

    assert context.remaining_seconds() is None
