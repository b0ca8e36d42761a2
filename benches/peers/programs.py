"""The programs that are compared: where they are, and how each is asked for the nearest it has to sizes per key."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A program, where it may be, and how it is called on a file with so many threads.

    `on_path` may be the name of another program too: then its help has to contain `help_says`. `pairs_max` holds slow
    programs to few runs. `keys` finds the number of keys in what it prints. A program that does not end is told to
    when it prints `ready`.
    """

    name: str
    variable: str
    on_path: str
    arguments: Callable[[Path, int], list[str]]
    help_says: str = ""
    pairs_max: int = 1000
    keys: str | None = None
    ready: str | None = None
    asks_version: tuple[str, ...] = ()

    def find(self) -> str | None:
        """The program that the environment variable names, else the one on PATH."""
        named = os.environ.get(self.variable)
        if named:
            found = shutil.which(named)
            if found is None:
                raise SystemExit(f"error: {self.variable}={named} is not a program")
            return found
        found = shutil.which(self.on_path)
        if found and self.help_says:
            answer = subprocess.run([found, "--help"], capture_output=True, text=True, check=False)
            if self.help_says not in answer.stdout:
                return None
        return found

    def command(self, path: str, file: Path, threads: int) -> list[str]:
        return [path, *self.arguments(file.absolute(), threads)]

    def version(self, path: str) -> str:
        """As the program tells it, else as `cargo install` noted it."""
        if self.asks_version:
            command = [path, *self.asks_version]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            return answer.stdout.partition("\n")[0]
        notes = Path(path).resolve().parent.parent / ".crates.toml"
        text = notes.read_text() if notes.exists() else ""
        noted = re.search(rf'^"({re.escape(self.on_path)} \S+) ', text, re.MULTILINE)
        return noted[1] if noted else "version not told"

    def keys_of(self, output: str) -> int | None:
        found = re.search(self.keys, output) if self.keys else None
        return int(found[1]) if found else None


def _load(file: Path, _threads: int) -> list[str]:
    """A server that loads the file and listens nowhere but at a socket that nobody uses."""
    options = {
        "dir": file.parent,
        "dbfilename": file.name,
        "port": 0,
        "unixsocket": Path(tempfile.gettempdir()) / f"preshard-bench-{os.getpid()}.sock",
        "save": "",
        "appendonly": "no",
        "logfile": "",
    }
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


# The report of all slots, as text: what is measured.
PRESHARD = Program(
    name="preshard",
    variable="PRESHARD",
    on_path="preshard",
    arguments=lambda file, threads: ["slots", "--no-progress", "--threads", str(threads), str(file)],
    asks_version=("--version",),
)

# What touching every cache line of the file takes: no program that looks at all of its bytes can be faster.
LIMIT = Program(
    name="the limit",
    variable="READ_LIMIT",
    on_path="preshard-read-limit",
    arguments=lambda file, threads: [str(file), str(threads)],
)

PEERS = [
    Program(
        name="crate rdb, -f nil",
        variable="RDB_CRATE",
        on_path="rdb",
        arguments=lambda file, _: ["-f", "nil", str(file)],
        help_says="nil",
    ),
    Program(
        name="librdb raw, no checksum",
        variable="LIBRDB_LARGEST",
        on_path="librdb_largest",
        arguments=lambda file, _: [str(file)],
        keys=r"(\d+) keys",
        asks_version=("--version",),
    ),
    Program(
        name="librdb raw, checksum",
        variable="LIBRDB_LARGEST",
        on_path="librdb_largest",
        arguments=lambda file, _: ["--checksum", str(file)],
        pairs_max=3,
        keys=r"(\d+) keys",
        asks_version=("--version",),
    ),
    Program(
        name="redis-check-rdb",
        variable="REDIS_CHECK_RDB",
        on_path="redis-check-rdb",
        arguments=lambda file, _: [str(file)],
        pairs_max=3,
        keys=r"(\d+) keys read",
        asks_version=("--version",),
    ),
    Program(
        name="redis-server, load",
        variable="REDIS_SERVER",
        on_path="redis-server",
        arguments=_load,
        pairs_max=1,
        keys=r"keys loaded: (\d+)",
        ready="ready to accept connections",
        asks_version=("--version",),
    ),
    Program(
        name="rdbtools, -c memory",
        variable="RDBTOOLS",
        on_path="rdb",
        arguments=lambda file, _: ["-c", "memory", str(file)],
        help_says="justkeyvals",
        pairs_max=1,
    ),
    Program(
        name="preshard --mmap=never",
        variable="PRESHARD",
        on_path="preshard",
        arguments=lambda file, threads: [*PRESHARD.arguments(file, threads), "--mmap=never"],
        asks_version=("--version",),
    ),
    Program(
        name="cat, to /dev/null",
        variable="CAT",
        on_path="cat",
        arguments=lambda file, _: [str(file)],
        asks_version=("--version",),
    ),
]
