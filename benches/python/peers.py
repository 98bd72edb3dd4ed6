"""Python peers of the rows that `contest` measures, with the same protocol.

    peers.py list                              rows and their peers, as JSON, one row a line
    peers.py run KEY CONTENDER --millis N      one measurement: {"ns": …, "count": …, "notes": […]}
    peers.py about                             which Python and packages these are

`PEERS` says which peer does the thing of which row. A peer is a function that makes what is needed,
outside the time, and gives back one that does the thing `count` times and tells the nanoseconds. It is
called in a process of its own.

- `packages.py`: how each package makes an array, attaches to one, and lets it go;
- `acts.py`, `pairs.py`: what is done with them, by one process and by two;
- `runs.py`: how that is repeated, timed, and cleaned up after.
"""

import argparse
import importlib.metadata
import json
import platform
import sys

sys.dont_write_bytecode = True  # these files lie in the repository

import runs
from acts import attach, create, fill, fill_and_read, free, load, load_cdxcore
from packages import SHM, Cdxcore, SharedNdarray2, Standard, gridr
from pairs import barrier, lock, pass_gridr, pass_handle, pass_name

KIB = 1 << 10
GIB = 1 << 30


def of_all(act, size):
    """What all packages do, on memory with a name."""
    return {name: act(kind, size) for name, kind in SHM.items()}


PEERS = {
    "create/shm/4KiB": of_all(create, 4 * KIB),
    "create/memfd/4KiB": {"Python GridR": create(gridr("memfd"), 4 * KIB)},
    "create/mmap/4KiB": {"Python GridR": create(gridr("mmap"), 4 * KIB)},
    "create/shm/1GiBuntouched": of_all(create, GIB),
    "untouched/memfd/1GiB": {
        "Python SharedMemory": create(Standard, GIB),
        "Python GridR": create(gridr("memfd"), GIB),
    },
    "untouched/mmap/1GiB": {"Python GridR": create(gridr("mmap"), GIB)},
    "attach/shm/4KiB": of_all(attach, 4 * KIB),
    "pass/memfd/4KiB": {
        "Python send_handle": pass_handle(4 * KIB),
        "Python GridR": pass_gridr(4 * KIB),
        "Python cdxcore": pass_name(Cdxcore, 4 * KIB),
        "Python shared-ndarray2": pass_name(SharedNdarray2, 4 * KIB),
        "Python SharedMemory": pass_name(Standard, 4 * KIB),
    },
    "lock/write": {"Python multiprocessing.Lock": lock},
    "barrier/2 cores": {"Python multiprocessing.Barrier": barrier([0, 1])},
    "barrier/1 core": {"Python multiprocessing.Barrier": barrier([0, 0])},
    "fill-beside-others/memfd/1GiB": of_all(fill, GIB),
    "fill-beside-others/memfd/1GiB/huge": of_all(fill, GIB),
    "read/memfd/1GiB": {
        "Python SharedMemory": fill_and_read(Standard, GIB),
        "Python cdxcore": fill_and_read(Cdxcore, GIB),
    },
    "free/shm/1GiB": of_all(free, GIB),
    "load/shm/1GiB": {
        "Python np.load, SharedMemory": load(Standard, GIB),
        "Python np.load, GridR": load(gridr("shm"), GIB),
        "Python cdxcore, own format": load_cdxcore(GIB),
    },
}


def about():
    """Which Python and packages these are."""
    packages = ["numpy", "cdxcore", "gridr", "shared-ndarray2"]
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    return ", ".join([f"{platform.python_implementation()} {platform.python_version()}", *versions])


def main():
    parser = argparse.ArgumentParser(description="Python peers of the rows of contest")
    parser.add_argument("--folder", help="where large files are found, or made and left")
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("list")
    tasks.add_parser("about")
    run = tasks.add_parser("run")
    run.add_argument("row")
    run.add_argument("contender")
    run.add_argument("--millis", type=int, default=50)
    arguments = parser.parse_args()
    runs.FOLDER = arguments.folder
    if arguments.task == "list":
        for key, peers in PEERS.items():
            contenders = [{"name": name, "role": "peer"} for name in peers]
            print(json.dumps({"key": key, "contenders": contenders}))
    elif arguments.task == "about":
        print(about())
    else:
        peer = PEERS.get(arguments.row, {}).get(arguments.contender)
        if peer is None:
            sys.exit(f"no contender {arguments.contender} in {arguments.row}")
        with runs.CLEANUP:
            print(json.dumps(runs.measure(peer(), arguments.millis * 1_000_000)))


if __name__ == "__main__":
    main()
