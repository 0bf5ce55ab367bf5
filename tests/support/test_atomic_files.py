"""Several writers of one file do not disturb each other."""

from __future__ import annotations

import os
import sys
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from om_toolkit.support import atomic_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock, and nothing is removed there")
def test_a_new_file_that_another_writer_is_just_removing_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another writer locks the file before its own writer does, and removes it a moment later."""
    removers: list[Thread] = []
    create = os.open

    def create_and_lose(path: Any, *options: Any) -> int:
        descriptor = create(path, *options)
        if not removers:
            found = open(path, "rb")  # noqa: PTH123, SIM115 - the thread closes it
            atomic_files.fcntl.flock(found.fileno(), atomic_files.fcntl.LOCK_EX)

            def remove() -> None:
                sleep(0.1)
                path.unlink()
                found.close()

            removers.append(Thread(target=remove))
            removers[0].start()
        return descriptor

    monkeypatch.setattr(atomic_files.os, "open", create_and_lose)
    with atomic_files.replacing(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("whole")
        removers[0].join()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "whole"
