"""A class for each kind of error: ours by `Error`, and what Python calls it."""

from __future__ import annotations

import errno as _errno
from typing import Any

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "Ambiguous",
    "BackendCannot",
    "BackendNotCompiled",
    "BackendRefused",
    "BadMagic",
    "BarrierBroken",
    "Busy",
    "Corrupt",
    "DTypeMismatch",
    "Error",
    "ForeignByteOrder",
    "ForkedChild",
    "GuardMismatch",
    "Interrupted",
    "InvalidAlignment",
    "InvalidBarrier",
    "InvalidDType",
    "InvalidName",
    "InvalidRing",
    "InvalidRound",
    "InvalidSetting",
    "InvalidSlots",
    "InvalidWindow",
    "LengthMismatch",
    "LimitReached",
    "Misaligned",
    "NdimMismatch",
    "NoNames",
    "NoSlot",
    "NoSpace",
    "NoSuchArray",
    "NobodyLeft",
    "NotASegment",
    "NotContiguous",
    "NotFound",
    "NotRaw",
    "NotSealed",
    "NotWhole",
    "Os",
    "OutOfBounds",
    "Oversized",
    "Path",
    "Poisoned",
    "ReshapeMismatch",
    "SegmentMismatch",
    "ShapeMismatch",
    "ShapeOverflow",
    "StillWritable",
    "TimedOut",
    "TooManyDimensions",
    "Transport",
    "Truncated",
    "UnknownBackend",
    "UnsupportedVersion",
    "WrongOwner",
    "ZeroStep",
]


class Error(Exception):
    """Base of all errors of this package. Its text is the library's, with the figures."""

    def __init__(self, text: str = "", **facts: Any) -> None:
        super().__init__(text)
        self.text = text
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return make, (type(self).__name__, self.text, self.facts)


class NotFound(Error, FileNotFoundError):
    """Nothing bears the name."""


class AlreadyExists(Error, FileExistsError):
    """The name is taken."""


class AccessDenied(Error, PermissionError):
    """The system does not let this process use it so."""


class WrongOwner(Error, PermissionError):
    """It belongs to another user."""


class TimedOut(Error, TimeoutError):
    """The time is over for a wait."""


class Busy(Error, TimeoutError):
    """Another process holds what is needed for a moment, and did not let go in time."""


class NoSpace(Error, OSError, MemoryError):
    """Not enough memory: `needs` and `has` are in bytes."""

    needs: int
    has: int | None

    def __init__(self, text: str = "", **facts: Any) -> None:
        super().__init__(text, **facts)
        self.errno = _errno.ENOSPC


class LimitReached(Error, OSError):
    """A limit of the process or the system is reached."""


class Os(Error, OSError):
    """A system call failed: `errno`."""


class Path(Error, OSError):
    """A path is not there or not usable."""


class BackendRefused(Error, OSError):
    """This system refuses the backend."""


class NotASegment(Error, OSError):
    """What bears the name cannot be a segment."""


class Poisoned(Error, RuntimeError):
    """A lock holder died or raised while it may have been writing."""


class BarrierBroken(Error, RuntimeError):
    """A participant will never come to the barrier: `slot` is its slot."""

    slot: int


class StillWritable(Error, RuntimeError):
    """Somebody still maps it writable."""


class ForkedChild(Error, RuntimeError):
    """A forked child may not do this with what it inherited."""


class BackendCannot(Error, RuntimeError):
    """The array's backend cannot do it; the text names those that can."""


class BackendNotCompiled(Error, RuntimeError):
    """This build does not have the backend."""


class NoSlot(Error, RuntimeError):
    """This process cannot become a participant: no guards, chunks and barriers for it."""


class NoSuchArray(Error, FileNotFoundError):
    """An array of an arena that is not there any more, or never was."""


class NoNames(Error, OSError):
    """This machine has no place for named arrays, or refuses it."""


class Transport(Error, RuntimeError):
    """A message or inheritance that cannot be taken."""


class NotSealed(Error, RuntimeError):
    """It is said to be frozen, and is not."""


class GuardMismatch(Error, TypeError):
    """A guarded array was to be used without guards, or the other way round."""


class InvalidDType(Error, TypeError, ValueError):
    """A dtype that arrays cannot have."""


class DTypeMismatch(Error, TypeError, ValueError):
    """It has another dtype."""


class OutOfBounds(Error, IndexError):
    """An index or a range that is not within its array."""


class Interrupted(Error, InterruptedError):
    """A wait was given up."""


class InvalidName(Error, ValueError):
    """A name that no array can bear."""


class ShapeOverflow(Error, ValueError):
    """A shape that does not fit the address space."""


class TooManyDimensions(Error, ValueError):
    """More dimensions than an array can have."""


class ShapeMismatch(Error, ValueError):
    """It has another shape."""


class NdimMismatch(Error, ValueError):
    """It has another number of dimensions."""


class ZeroStep(Error, ValueError):
    """A slice with a step of zero."""


class InvalidWindow(Error, ValueError):
    """A part that does not fit its array."""


class ReshapeMismatch(Error, ValueError):
    """A shape of another number of elements."""


class NotContiguous(Error, ValueError):
    """The elements of a part do not lie one after the other."""


class NotWhole(Error, ValueError):
    """A handle shows a part where the whole array is needed."""


class InvalidAlignment(Error, ValueError):
    """An alignment that no array can have."""


class Misaligned(Error, ValueError):
    """Elements at an offset where this machine cannot have them."""


class LengthMismatch(Error, ValueError):
    """Another number of bytes than there must be."""


class Ambiguous(Error, ValueError):
    """Several arrays bear the name."""


class NotRaw(Error, ValueError):
    """It describes itself: it is no raw segment."""


class Truncated(Error, ValueError):
    """Fewer bytes than there must be."""


class Oversized(Error, ValueError):
    """More bytes than there may be."""


class BadMagic(Error, ValueError):
    """Bytes that do not begin as ours do."""


class UnsupportedVersion(Error, ValueError):
    """A version that this build does not speak."""


class ForeignByteOrder(Error, ValueError):
    """Written by a machine of the other byte order."""


class Corrupt(Error, ValueError):
    """Bytes of ours that contradict themselves."""


class SegmentMismatch(Error, ValueError):
    """A description and the segment that it leads to disagree."""


class InvalidBarrier(Error, ValueError):
    """A barrier that cannot be used in this way."""


class InvalidRound(Error, ValueError):
    """A round over chunks that cannot be made."""


class InvalidSlots(Error, ValueError):
    """A number of slots that no array can have."""


class InvalidRing(Error, ValueError):
    """A ring that cannot be used in this way."""


class NobodyLeft(Error, RuntimeError):
    """All processes that did what is waited for have died or left."""


class UnknownBackend(Error, ValueError):
    """Not a backend's name."""


class InvalidSetting(Error, ValueError):
    """A setting that cannot be understood."""


def make(kind: str, text: str, facts: dict[str, Any]) -> Error:
    """The error of that kind; of one that has no class here, plain `Error`."""
    found = globals().get(kind, Error)
    if not (isinstance(found, type) and issubclass(found, Error)):
        found = Error
    return found(text, **facts)
