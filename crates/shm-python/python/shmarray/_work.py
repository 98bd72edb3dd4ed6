"""Work that processes share out: chunks, the barrier, progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _native

if TYPE_CHECKING:
    from ._array import Array, View


class Chunks:
    """The chunks of one round, as one worker gets them: an iterator that ends when all are done, by whomever.

    It holds at most one chunk, and gives it back when it goes: keep it in a variable, or in a `for` loop.
    """

    def __init__(
        self, array: Array, rows: int, axis: int, number: int, timeout: float | None
    ) -> None:
        axis = axis + array.ndim if axis < 0 else axis
        self._array, self._axis, self._timeout = array, axis, timeout
        self._round = _native.Round(array, number, axis, rows)
        self._claim: _native.Claim | None = None

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        if self._claim is not None and self._claim.give_back():
            raise RuntimeError(
                f"chunk {self._claim.index} is not done, and was given back: use `with chunk as rows`, "
                "or say chunk.done()"
            )
        self._claim = self._round.claim(self._timeout)
        if self._claim is None:
            raise StopIteration
        return Chunk(self._array, self._axis, self._claim)

    def __del__(self) -> None:
        claim = getattr(self, "_claim", None)
        if claim is not None:
            claim.give_back()

    @property
    def done(self) -> int:
        """How many chunks are done, by all workers."""
        return self._round.progress()[0]

    @property
    def total(self) -> int:
        """How many there are."""
        return self._round.progress()[1]

    def wait_past(self, seen: int, timeout: float | None = None) -> int:
        """Waits until more than `seen` are done, or all are; tells how many."""
        return self._round.wait_past(seen, timeout)[0]


class Chunk:
    """Some rows of an array, for this worker alone.

    `with chunk as rows: ...` marks it done at the end; if the block raises, it goes back and another worker
    gets it.
    """

    def __init__(self, array: Array, axis: int, claim: _native.Claim) -> None:
        self._array, self._axis, self._claim = array, axis, claim
        self._memory: _native.Memory | None = None
        self._view: View | None = None

    @property
    def index(self) -> int:
        """Its number in the round."""
        return self._claim.index

    @property
    def range(self) -> slice:
        """Which rows it has of the array."""
        return slice(self._claim.start, self._claim.stop)

    @property
    def is_retry(self) -> bool:
        """Whether another had it before and did not finish: its elements are anything in between."""
        return self._claim.is_retry

    @property
    def array(self) -> View:
        """Its elements."""
        from ._array import view_of

        if self._view is None:
            shape = list(self._array.shape)
            shape[self._axis] = self._claim.stop - self._claim.start
            self._memory = self._claim.memory()
            self._view = view_of(self._memory, tuple(shape), self._array.dtype)
        return self._view

    def done(self) -> None:
        """Nobody gets it again in this round."""
        self._end()
        if not self._claim.done():
            raise RuntimeError(f"chunk {self.index} is not held any more")

    def give_back(self) -> None:
        """Another worker, or this one, gets it again."""
        self._end()
        self._claim.give_back()

    def _end(self) -> None:
        if self._memory is not None:
            self._memory.seal()
        if self._view is not None:
            self._view.flags.writeable = False
        self._memory = self._view = None

    def __enter__(self) -> View:
        return self.array

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.done()
        else:
            self.give_back()

    def __repr__(self) -> str:
        return f"<shmarray.Chunk {self.index}: rows {self._claim.start} to {self._claim.stop}>"


class Barrier:
    """A seat at an array's barrier. To leave it before all are done breaks the barrier for the others."""

    def __init__(self, array: Array, size: int, timeout: float | None) -> None:
        self._timeout = timeout
        self._seat = _native.Seat(array, size, timeout)

    @property
    def size(self) -> int:
        """Number of participants."""
        return self._seat.size

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for all others, as long as the barrier was made for if nothing is said. True in exactly one."""
        return self._seat.wait(self._timeout if timeout is None else timeout)

    def leave(self) -> None:
        """Gives the seat up."""
        self._seat.leave()

    def __enter__(self) -> Barrier:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Progress:
    """A counter that other processes wait on. What it counts the programs decide; it only grows."""

    def __init__(self, array: Array) -> None:
        self._counter = _native.Counter(array)

    @property
    def value(self) -> int:
        """The count."""
        return self._counter.get()

    def __int__(self) -> int:
        return self._counter.get()

    def add(self, steps: int = 1) -> int:
        """Counts on, and tells the count before."""
        return self._counter.add(steps)

    def wait_past(self, seen: int, timeout: float | None = None) -> int:
        """Sleeps until the count is not `seen` any more, and tells it."""
        return self._counter.wait_past(seen, timeout)


def progress(
    array: Array, total: int | None = None, *, bar: bool = False, timeout: float | None = None
) -> Iterator[int]:
    """The array's progress count, each time it has changed, until it is `total` (the length of its first
    axis, if not said). `bar=True` draws it with tqdm, if that is installed."""
    counter = array.progress
    end = len(array) if total is None else total
    shown: Any = None
    if bar:
        try:
            from tqdm import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]

            shown = tqdm(total=end)
        except ImportError:
            pass
    seen = counter.value
    try:
        while True:
            if shown is not None:
                shown.update(min(seen, end) - shown.n)
            yield seen
            if seen >= end:
                return
            seen = counter.wait_past(seen, timeout)
    finally:
        if shown is not None:
            shown.close()
