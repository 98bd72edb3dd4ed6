"""The command `shmarray`."""

import signal
import sys

from . import _native


def main() -> int:
    """Runs it with the arguments of this process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # it ends as a program in C does
    return _native.command(["shmarray", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
