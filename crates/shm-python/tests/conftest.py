"""What the tests have in common."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

#: A process that has not ended by then hangs.
LIMIT = 120


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Each test leaves `/dev/shm` as it found it."""
    import gc

    before = set(os.listdir("/dev/shm"))
    yield
    gc.collect()
    left = {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")} - before
    assert not left


@pytest.fixture
def run() -> Callable[..., str]:
    """Runs Python code, or a file, in a process of its own, which must end well and say nothing on stderr."""

    def run(code: str, *arguments: str, code_of: int = 0, quiet: bool = True) -> str:
        given = [code] if code.endswith(".py") else ["-c", code]
        command = [sys.executable, "-X", "faulthandler", "-W", "error", *given, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == code_of, done.stderr
        if quiet:
            assert done.stderr == ""
        return done.stdout

    return run
