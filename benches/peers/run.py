"""Runs one program on given cores and measures it from outside."""

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SAMPLE_EVERY_S = 0.0005
TEXT_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Timing:
    """One run: seconds on the clock, and of the processor in user and system mode."""

    wall_s: float
    cpu_s: float


@dataclass
class Peak:
    """What a run printed, and the most memory it was seen to have, in bytes.

    `resident` is the kernel's own high mark. The other two are the highest samples of its parts, which need not
    have come at the same time: what is the process's own, and pages of files that it maps.
    """

    status: int = 0
    output: str = ""
    errors: str = ""
    resident: int = 0
    anonymous: int = 0
    mapped: int = 0

    def sample(self, pid: int) -> None:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return  # it has ended
        fields = dict(line.split(":", 1) for line in lines)
        if "VmHWM" not in fields:
            return  # it is ending, and its memory is gone
        resident, anonymous, mapped = (
            int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "RssAnon", "RssFile")
        )
        self.resident = max(self.resident, resident)
        self.anonymous = max(self.anonymous, anonymous)
        self.mapped = max(self.mapped, mapped)


class Failed(Exception):
    """A program that did not do what it was asked for."""


def pin(cores: set[int]) -> None:
    """From here on this process and all that it starts run on these cores, as with `taskset`."""
    os.sched_setaffinity(0, cores)


def timed(command: list[str], ready: str | None = None) -> Timing:
    """Runs to the end, or to the line with `ready` on standard output, at which the program is told to end."""
    sink = subprocess.PIPE if ready else subprocess.DEVNULL
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL, close_fds=False)
    wall_s = None
    if ready:
        for line in child.stdout:
            if ready.encode() in line:
                wall_s = time.perf_counter() - start
                child.terminate()
                break
        else:
            child.wait()
            raise Failed(f"ended without a line with {ready!r}")
        child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if wall_s is None:
        wall_s = time.perf_counter() - start
        if child.returncode != 0:
            raise Failed(f"exit status {child.returncode}")
    return Timing(wall_s, usage.ru_utime + usage.ru_stime)


def watched(command: list[str], ready: str | None = None) -> Peak:
    """Runs once without a clock, as watching takes time of its own."""
    peak = Peak()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        while child.poll() is None:
            peak.sample(child.pid)
            if ready and ready in _text(output):
                child.terminate()
                ready = None
            time.sleep(SAMPLE_EVERY_S)
        peak.status, peak.output, peak.errors = child.returncode, _text(output), _text(errors)
    return peak


def _text(file: IO[bytes]) -> str:
    """The beginning of what was printed, which may be as much as the file that was read."""
    return os.pread(file.fileno(), TEXT_BYTES_MAX, 0).decode(errors="replace")
