"""How long servers do not answer, as a client sees it."""

import multiprocessing
import threading
import time
from types import TracebackType

from connection import Connection

EVERY_S = 0.002


class Silence:
    """Pings every server from a process of its own, as long as the `with` block runs."""

    def __init__(self, ports: list[int]) -> None:
        self._stop = multiprocessing.Event()
        self._ready = multiprocessing.Event()
        self._answers = multiprocessing.SimpleQueue()
        self._process = multiprocessing.Process(target=self._ping_all, args=(ports,), daemon=True)
        self.worst_s = 0.0

    def __enter__(self) -> "Silence":
        self._process.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.worst_s = self._answers.get()
        self._process.join()

    def _ping_all(self, ports: list[int]) -> None:
        worst = [0.0] * len(ports)

        def ping(at: int, connection: Connection) -> None:
            while not self._stop.is_set():
                asked = time.monotonic()
                connection.ask("PING")
                worst[at] = max(worst[at], time.monotonic() - asked)
                time.sleep(EVERY_S)

        connections = [Connection(port) for port in ports]
        threads = [threading.Thread(target=ping, args=pair) for pair in enumerate(connections)]
        for thread in threads:
            thread.start()
        self._ready.set()
        for thread in threads:
            thread.join()
        self._answers.put(max(worst))
