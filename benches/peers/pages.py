"""How a file lies in the page cache, which decides more than the code that reads it.

A file that was read in by readahead lies in large folios and maps at the speed of memory; one that was just
written lies in small pages, each of which costs a page-table entry.
"""

import os
import shutil
import subprocess
from pathlib import Path

PIECE_BYTES = 128 * 1024  # as cat reads


def drop(path: Path) -> None:
    """Drops the pages of this file and of no other."""
    with open(path, "rb", buffering=0) as file:
        os.fdatasync(file.fileno())  # pages that are not on the disk yet cannot be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_in(path: Path) -> None:
    """Drops the file's pages, then reads it once from end to end."""
    drop(path)
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        piece = bytearray(PIECE_BYTES)
        while file.readinto(piece):
            pass


def write_anew(path: Path, copy: Path) -> None:
    """Leaves `copy` as a backup lies there just after it was taken or fetched."""
    with open(path, "rb", buffering=0) as source, open(copy, "wb", buffering=0) as target:
        shutil.copyfileobj(source, target, 1 << 20)
        os.fdatasync(target.fileno())  # so that writing back disturbs no measurement


def cached_share(path: Path) -> float | None:
    """The part of the file that is in the page cache; None where `fincore` of util-linux is not to be had."""
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return int(answer.stdout) / max(path.stat().st_size, 1)
