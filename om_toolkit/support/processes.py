"""Processes: a function that makes something in; what it made for the running process out."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Something that processes must not share, such as connections and locks: after a fork, the child makes its own.

    Args:
        make: Makes it.

    Example:
        >>> numbers = PerProcess(list)
        >>> numbers.get().append(7)
        >>> numbers.get()
        [7]
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made = os.getpid(), make()

    def get(self) -> T:
        """Return what was made in the running process."""
        process, made = self._made
        if process != os.getpid():
            made = self._make()
            self._made = os.getpid(), made
        return made
