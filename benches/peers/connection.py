"""A connection to a server on loopback, without a client library."""

import socket

PATIENCE_S = 60
COMMANDS_PER_PIPELINE = 500


class Connection:
    """Commands and answers, in the protocol of the servers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._answers = self._socket.makefile("rb")

    def ask(self, *words: str | bytes | int):
        return self.ask_all([words])[0]

    def ask_all(self, commands: list[tuple]) -> list:
        answers = []
        for start in range(0, len(commands), COMMANDS_PER_PIPELINE):
            chunk = commands[start : start + COMMANDS_PER_PIPELINE]
            self._socket.sendall(b"".join(self._encoded(words) for words in chunk))
            answers += [self._answer() for _ in chunk]
        return answers

    def info(self) -> dict[str, str]:
        lines = self.ask("INFO").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    @staticmethod
    def _encoded(words: tuple) -> bytes:
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)

    def _answer(self):
        line = self._answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
