"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Sequence

import msgspec

from .messages import Ended, Message, Ready, Speak, decode, encode

LAST_WORDS = 0.5
MOST_UNREAD = 65_536


class Child:
    """A process of its own session, so that Ctrl-C in a terminal comes to the supervisor only.

    `worker` is the id that it is to be spoken for, `attempts` how many have ended in it; `ready` is
    what it said when it was at work. `settled` is set when it is at work, or has ended.
    """

    def __init__(self, on_ready: Callable[[Child], None]) -> None:
        self._on_ready = on_ready
        self._started_at = time.monotonic()
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._kill_later: asyncio.TimerHandle | None = None
        self.worker: int | None = None
        self.attempts = 0
        self.ready: Ready | None = None
        self.settled = asyncio.Event()
        self.is_gone = asyncio.Event()
        self.was_stopped = False
        self.was_killed = False

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid if self._process is not None else 0

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started_at

    async def start(self, command: Sequence[str]) -> None:
        """Start the process. Raises OSError when the system has no room for it."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--link",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._listening = asyncio.create_task(self._listen(reader))

    async def ended(self) -> int:
        """Wait for the end of the process; answers its exit code, negative for a signal."""
        if self._process is None or self._listening is None:
            raise RuntimeError("the process was not started")
        code = await self._process.wait()
        # What it said last is read; a process that it has forked may hold the line open.
        await asyncio.wait({self._listening}, timeout=LAST_WORDS)
        self._listening.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._kill_later is not None:
            self._kill_later.cancel()
        self.settled.set()
        self.is_gone.set()
        return code

    def tell(self, message: Message) -> None:
        """Say something to the process; one that does not listen is not told everything."""
        if self._writer is None or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() < MOST_UNREAD:
            self._writer.write(encode(message))

    def stop(self, patience: float) -> None:
        """Ask it to finish what it runs and to end; after so many seconds it is killed."""
        if self.was_stopped:
            return
        self.was_stopped = True
        self._send(signal.SIGTERM)
        self._kill_later = asyncio.get_running_loop().call_later(patience, self.kill)

    def kill(self) -> None:
        """End it at once."""
        self.was_killed = True
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and not self.is_gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            while line := await reader.readline():
                self._hear(decode(line))

    def _hear(self, message: Message) -> None:
        match message:
            case Speak(worker=worker):
                self.worker = worker
            case Ended(attempts=attempts):
                self.attempts = attempts
            case Ready():
                self.ready = message
                self.settled.set()
                self._on_ready(self)
            case _:
                pass
