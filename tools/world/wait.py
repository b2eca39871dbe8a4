# SPDX-License-Identifier: Apache-2.0
"""Waiting for what wakes nobody: a file, a row of a database, what another process did."""

import threading
import time
from collections.abc import Callable

LOOK_S = 0.05


def until(what: str, condition: Callable[[], object], seconds: float = 60) -> object:
    """What the condition says as soon as it holds; in vain it is an AssertionError."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        threading.Event().wait(LOOK_S)
    return found
