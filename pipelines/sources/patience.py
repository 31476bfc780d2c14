"""Trying again: how long to wait before each further attempt.

References
----------
M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 60.0


def attempts(count: int, asked_to_wait: list[float] | None = None) -> Iterator[bool]:
    """Yield before each attempt whether it is the last one, after the pause that it needs.

    Parameters
    ----------
    asked_to_wait
        A pause in seconds that the peer asked for (``Retry-After``) is the last item; it is at least waited
        for, up to a minute.
    """
    for number in range(count):
        if number:
            pause = random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * 2**number))  # noqa: S311 - no secret
            if asked_to_wait:
                pause = max(pause, min(LONGEST_SECONDS, asked_to_wait.pop()))
            time.sleep(pause)
        yield number == count - 1
