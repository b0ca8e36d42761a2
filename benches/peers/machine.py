"""What a figure depends on beside the program: the machine, and what else ran on it."""

import os
import platform
import resource
from pathlib import Path


def describe(cores: list[int]) -> str:
    cpu = _field(Path("/proc/cpuinfo").read_text(), "model name") or platform.machine()
    memory = int((_field(Path("/proc/meminfo").read_text(), "MemTotal") or "0").split()[0])
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return (
        f"{cpu}, {os.cpu_count()} cores of which {', '.join(map(str, cores))} were used, "
        f"{memory * 1024 / 1e9:.0f} GB of memory, {system}, kernel {platform.release()}"
    )


def _field(text: str, name: str) -> str | None:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


class OtherWork:
    """How much of all cores went to others since it was made: other processes here, and other guests ("stolen")."""

    def __init__(self) -> None:
        self._at_start = self._now()

    def __str__(self) -> str:
        total, busy, stolen, own = (
            now - then for now, then in zip(self._now(), self._at_start, strict=True)
        )
        others = max(busy - own, 0.0) / total
        return f"other processes took {others:.0%} of all cores meanwhile, other guests {stolen / total:.1%}"

    @staticmethod
    def _now() -> tuple[float, float, float, float]:
        tick = os.sysconf("SC_CLK_TCK")
        line = Path("/proc/stat").read_text().splitlines()[0]
        user, nice, system, idle, waiting, irq, softirq, stolen = (
            int(n) / tick for n in line.split()[1:9]
        )
        busy = user + nice + system + irq + softirq
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        return busy + idle + waiting + stolen, busy, stolen, own
