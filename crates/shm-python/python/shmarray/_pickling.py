"""Arrays on their way to other processes.

A pickle says which segment it is, and how to get at it: by its name (`shm`), through the sender's `/proc`
(`memfd`), or as one of the family of forks (`mmap`). The segment must be there when somebody unpickles it. So
a pickle that is made to be sent (by `multiprocessing`, loky and what is built on them) makes the sender hold
the segment until it has a receipt, and a while longer for a second reading; and without one until the sender
ends. The receipt is a word in shared memory of the sender's own: a false one can only shorten or lengthen the
holding, and whoever comes too late gets `NotFound`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from multiprocessing import util
from multiprocessing.context import get_spawning_popen
from multiprocessing.process import parent_process
from multiprocessing.reduction import ForkingPickler
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from . import _errors, _known, _make, _native
from ._array import Array

#: How many pickles can be on their way at once, per table of receipts.
_PLACES = 1024

#: How many senders' tables a receiver keeps.
_TABLES = 64


@dataclass
class Holding:
    """How long this process holds what it sent, in seconds."""

    #: After the receipt, so that a pickle can be read twice.
    grace: float = 30.0
    #: Without a receipt; None is until this process ends.
    linger: float | None = None
    #: At the end of this process, for receipts that have not come.
    at_exit: float = 5.0


holding = Holding()


class Outstanding(NamedTuple):
    """A pickle whose array this process holds."""

    name: str
    nbytes: int
    seconds: float
    received: bool


class Ticket(NamedTuple):
    """Where the receipt for a pickle goes: a table, a place in it, and what must be there."""

    table: bytes
    place: int
    number: int


class _Table:
    """Receipts: for each place the number of the pickle, and when it was received."""

    def __init__(self) -> None:
        self.array = _make.zeros((_PLACES, 2), np.uint64, prefix="receipts", backend="memfd")
        self.payload = self.array.payload()
        self.free = list(range(_PLACES))


@dataclass
class _Sent:
    held: _native.Held
    name: str
    nbytes: int
    since: float
    table: _Table
    place: int

    def received(self) -> float:
        """When, in seconds as `time.monotonic` counts; 0 if not."""
        return float(self.table.array.array[self.place, 1]) / 1e9


class _Outbox:
    """What this process has sent."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A forked child holds nothing for its parent."""
        self.pid = os.getpid()
        self.lock = RLock()
        self.sent: list[_Sent] = []
        self.tables: list[_Table] = []

    def hold(self, array: Array) -> Ticket:
        """Holds an array until there is a receipt."""
        held = array.held()
        number = int.from_bytes(os.urandom(8)) or 1
        with self.lock:
            self.sweep()
            table = next((table for table in self.tables if table.free), None)
            if table is None:
                table = _Table()
                self.tables.append(table)
            place = table.free.pop()
            table.array.array[place] = number, 0
            now = time.monotonic()
            self.sent.append(_Sent(held, array.name, array.nbytes, now, table, place))
        return Ticket(table.payload, place, number)

    def sweep(self) -> None:
        """Lets go of what has been held for long enough."""
        if not self.sent:
            return
        now = time.monotonic()
        with self.lock:
            kept = []
            for one in self.sent:
                received = one.received()
                if received:
                    over = now - received > holding.grace
                else:
                    over = holding.linger is not None and now - one.since > holding.linger
                if over:
                    one.table.array.array[one.place] = 0
                    one.table.free.append(one.place)
                    one.held.release()
                else:
                    kept.append(one)
            self.sent = kept

    def outstanding(self) -> list[Outstanding]:
        self.sweep()
        now = time.monotonic()
        with self.lock:
            return [
                Outstanding(one.name, one.nbytes, now - one.since, bool(one.received()))
                for one in self.sent
            ]

    def wait(self) -> None:
        """Waits for receipts at the end of this process, for a bounded time."""
        if self.pid != os.getpid():
            return
        end = time.monotonic() + holding.at_exit
        for table in self.tables:
            counter = table.array.progress
            while True:
                seen = counter.value
                if all(one.received() for one in self.sent if one.table is table):
                    break
                rest = end - time.monotonic()
                if rest <= 0:
                    return
                try:
                    counter.wait_past(seen, rest)
                except _errors.TimedOut:
                    return


_outbox = _Outbox()


def outstanding() -> list[Outstanding]:
    """The pickles whose arrays this process holds, because they may not have been read yet."""
    return _outbox.outstanding()


def _leave() -> None:
    """A child of multiprocessing ends without its globals being dropped: it leaves its arrays here."""
    if parent_process() is not None:
        _known.close_all()


def _begin(outbox: _Outbox) -> None:
    """In each process, once multiprocessing has made it its own."""
    if outbox.pid != os.getpid():
        outbox.forget()
    # After the queues' feeder threads, which have priority -5.
    util.Finalize(None, outbox.wait, exitpriority=-50)
    util.Finalize(None, _leave, exitpriority=-60)


_begin(_outbox)
util.register_after_fork(_outbox, _begin)
os.register_at_fork(after_in_child=lambda: _begin(_outbox))


_told: set[str] = set()

#: Where loky keeps what it pickles in another way: it asks no `ForkingPickler`.
_LOKY = ("loky.backend.reduction", "joblib.externals.loky.backend.reduction")


def reduce(array: Array) -> tuple[Any, ...]:
    """How an array is pickled, for a reader that comes while somebody has it."""
    new = [sys.modules[name] for name in _LOKY if name in sys.modules and name not in _told]
    for module in new:
        module.register(Array, reduce_to_send)
        _told.add(module.__name__)
    if new:
        return reduce_to_send(array)  # this pickler has begun already, and is perhaps loky's
    return rebuild, (array.payload(), array.readonly, None)


def reduce_to_send(array: Array) -> tuple[Any, ...]:
    """How an array is pickled to be sent: this process holds it until it is received."""
    payload, readonly = array.payload(), array.readonly
    if array.backend == "mmap":
        if get_spawning_popen() is not None:
            raise _errors.BackendCannot(
                f"array {array.name!r} is on backend mmap, which only forked processes reach: "
                "use shm or memfd for processes that are spawned"
            )
        return rebuild, (payload, readonly, None)
    return rebuild, (payload, readonly, tuple(_outbox.hold(array)))


ForkingPickler.register(Array, reduce_to_send)


def rebuild(payload: bytes, readonly: bool, ticket: tuple[bytes, int, int] | None) -> Array:
    """The array of a pickle. If it cannot be attached, the error is raised when it is used: one in
    unpickling would end the workers of a `multiprocessing.Pool`, and whoever waits for them would hang."""
    try:
        array = _open(payload, readonly)
    except _errors.Error as error:
        return Array(_native.Handle.broken(error))
    if ticket is not None:
        _receive(Ticket(*ticket))
    return array


def _open(payload: bytes, readonly: bool) -> Array:
    present = _known.find(_native.payload_uuid(payload), readonly)
    array = Array(_native.from_payload(payload, readonly, present))
    if present is None and array.whole:
        _known.remember(array)
    return array


#: Tables of others, the one used last at the end.
_senders: OrderedDict[bytes, Array] = OrderedDict()


def _receive(ticket: Ticket) -> None:
    """Gives the receipt, if the sender is still there to get it."""
    try:
        uuid = _native.payload_uuid(ticket.table)
        table = _senders.get(uuid)
        if table is None:
            table = _senders[uuid] = _open(ticket.table, False)
        _senders.move_to_end(uuid)
        while len(_senders) > _TABLES:
            _senders.popitem(last=False)
        if table[ticket.place, 0] == ticket.number:
            table[ticket.place, 1] = time.monotonic_ns()
            table.progress.add(1)
    except (_errors.Error, IndexError, KeyError, TypeError):
        pass
