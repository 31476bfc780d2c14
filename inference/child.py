"""Sandboxed child processes: hostile pixels are decoded there and nowhere else.

A child has a memory limit, a time limit per image, may write no file and may open no socket but a
local one. When it dies or hangs it is replaced and the image that did it gets a reason code. It
answers with a length, a line of JSON and raw numbers: nothing that a child sends is ever executed
or unpickled, so a decoder that was taken over reaches no further.

References
----------
Linux: seccomp(2), prctl(2) PR_SET_NO_NEW_PRIVS, setrlimit(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

from inference import answer
from inference.records import Rejection
from inference.settings import DecodeSettings

if TYPE_CHECKING:
    from inference.pixels import Display, Prepared

T = TypeVar("T")
# What is asked of a child: a picture for the model, or one for a viewer.
_PREPARE, _DISPLAY = b"P", b"D"
_LOOK_AHEAD = 4
_START_SECONDS = 60.0
_HEAD = struct.Struct(">I")
_MAX_HEAD = 1 << 16
# A picture goes through in two pieces then; through the usual 64 KiB in thirty, each a switch between the processes.
_PIPE_BYTES = 1 << 20
# Buffers of usual size are kept for the next image: given back to the kernel, each costs page faults again. Larger ones
# go back: kept, they leave gaps, and the memory limit counts gaps.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "67108864"}

# seccomp-BPF (linux/filter.h, linux/seccomp.h): audit architecture, socket(2), io_uring_setup(2), seccomp(2).
_ARCHITECTURES = {"x86_64": (0xC000003E, 41, 425, 317), "aarch64": (0xC00000B7, 198, 425, 277)}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # 1 is EPERM
_X32 = 0x40000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def isolate_network() -> bool:
    """Forbid every socket but local ones (AF_UNIX) to the calling process and its children, for good.

    All threads are covered. io_uring, which could open sockets unseen, is forbidden with them.

    Returns
    -------
    bool
        Whether it is in force: False on systems other than Linux on x86-64 or ARM64, or on
        kernels without seccomp.
    """
    numbers = _ARCHITECTURES.get(platform.machine()) if sys.platform == "linux" else None
    if numbers is None:
        return False
    architecture, socket_call, io_uring, seccomp = numbers
    # Each instruction: code, jump if true, jump if false, constant.
    rules = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 7, architecture),  # another ABI numbers its calls otherwise: refuse them all
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, io_uring),
        (_EQUAL, 0, 2, socket_call),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 0, 1, socket.AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(rules), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    all_threads = libc.syscall(seccomp, 1, 1, ctypes.byref(program)) == 0
    if not all_threads and libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) != 0:
        return False
    return network_isolated()


def network_isolated() -> bool:
    """Whether the calling process can open neither an IPv4 nor an IPv6 socket."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except PermissionError:
            continue
        except OSError:  # the family does not exist on this machine
            continue
        return False
    return True


class Decoders:
    """A few child processes that decode images; a context manager.

    Parameters
    ----------
    settings
        How many, and the limits of each.
    """

    def __init__(self, settings: DecodeSettings) -> None:
        self._settings = settings
        self._children = [_Child(settings) for _ in range(max(1, settings.workers))]
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(len(self._children), thread_name_prefix="bilan-decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.stop()

    def map(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Prepared | Rejection]]:
        """Decode images in order, a few ahead of the one asked for.

        A child that dies gives DECODE_CRASH, one that takes longer than the limit DECODE_TIMEOUT.
        """
        waiting: deque[tuple[Path, Future[Prepared | Rejection]]] = deque()
        try:
            for path in paths:
                waiting.append((path, self._threads.submit(self._one, path)))
                if len(waiting) > _LOOK_AHEAD + len(self._children):
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()

    def display(self, path: Path) -> Display | Rejection:
        """Decode one image for a viewer, waiting for a child that is free."""
        return self._asked(_DISPLAY, path, answer.displayed)

    def _one(self, path: Path) -> Prepared | Rejection:
        return self._asked(_PREPARE, path, answer.prepared)

    def _asked(self, wish: bytes, path: Path, read: Callable[[dict[str, Any], bytearray], T]) -> T | Rejection:
        child = self._idle.get()
        try:
            return child.ask(wish, path, read)
        finally:
            self._idle.put(child)


def _command(settings: DecodeSettings) -> list[str]:
    # -P: nothing of the folder that we happen to be in is imported.
    return [sys.executable, "-P", "-m", "inference.child", json.dumps(asdict(settings))]


class _Child:
    """One child process, started when first needed and again after it died."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._images = 0  # that the process that runs now was asked for

    def ask(self, wish: bytes, path: Path, read: Callable[[dict[str, Any], bytearray], T]) -> T | Rejection:
        """Send one path with what is wanted of it, and read one answer."""
        try:
            head, data = self._ask(self._started(), wish, path)
            refusal = answer.refused(head)
            if refusal and refusal.reasons == ("IMAGE_TOO_LARGE",) and self._images > 1:
                # What earlier images left in its memory may be in the way.
                self.stop()
                return self.ask(wish, path, read)
            return refusal or read(head, data)
        except answer.LostError as lost:
            self.stop()
            return Rejection("quarantined", (lost.code,))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ")}
        environment |= _ALLOCATOR | {
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            _command(self._settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders quote what they read
            env=environment,
        )
        # Linux alone; where the user has many pipes the kernel refuses larger ones.
        with suppress(OSError, AttributeError):
            fcntl.fcntl(_pipe(self._process.stdout), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        _receive(self._process, time.monotonic() + _START_SECONDS)
        self._images = 0
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], wish: bytes, path: Path) -> tuple[dict[str, Any], bytearray]:
        name = wish + os.fsencode(path.absolute())
        self._images += 1
        try:
            _pipe(process.stdin).write(_HEAD.pack(len(name)) + name)
            _pipe(process.stdin).flush()
        except OSError:
            raise answer.LostError("DECODE_CRASH") from None
        return _receive(process, time.monotonic() + self._settings.seconds)

    def stop(self) -> None:
        """Kill the child, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with suppress(OSError):
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        process.wait()


def _pipe(pipe: Any) -> BinaryIO:
    assert pipe is not None  # noqa: S101 - every child is started with both pipes
    result: BinaryIO = pipe
    return result


def _receive(process: subprocess.Popen[bytes], deadline: float) -> tuple[dict[str, Any], bytearray]:
    descriptor = _pipe(process.stdout).fileno()
    size = _HEAD.unpack(_exactly(descriptor, _HEAD.size, deadline))[0]
    if size > _MAX_HEAD:
        raise answer.LostError("DECODE_CRASH")
    try:
        head = json.loads(_exactly(descriptor, size, deadline))
        count = int(head.get("bytes", 0))
    except (ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        raise answer.LostError("DECODE_CRASH") from None
    if not 0 <= count <= 1 << 28:
        raise answer.LostError("DECODE_CRASH")
    return head, _exactly(descriptor, count, deadline)


def _exactly(descriptor: int, count: int, deadline: float) -> bytearray:
    data = bytearray(count)
    missing = memoryview(data)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while missing:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise answer.LostError("DECODE_TIMEOUT")
        got = os.readv(descriptor, [missing])
        if not got:
            raise answer.LostError("DECODE_CRASH")
        missing = missing[got:]
    return data


def _serve(settings: DecodeSettings) -> None:
    """Run in the child: limit ourselves, then answer until the parent closes the pipe."""
    import imagecodecs  # noqa: PLC0415 - before the limits, so that they measure the images alone
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from inference import grey, pixels  # noqa: PLC0415

    del imagecodecs, np, Image, grey
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints stays out of the answers
    _limit(settings)
    isolate_network()
    _send(answers, {}, b"")
    while len(size := sys.stdin.buffer.read(_HEAD.size)) == _HEAD.size:
        wish = sys.stdin.buffer.read(1)
        path = Path(os.fsdecode(sys.stdin.buffer.read(_HEAD.unpack(size)[0] - 1)))
        # The kernel ends a decode that hangs after the parent itself has died.
        signal.alarm(int(settings.seconds) + 5)
        head, data = _work(pixels, wish, path, settings)
        signal.alarm(0)
        _send(answers, head, data)


def _limit(settings: DecodeSettings) -> None:
    """Bound memory (beyond what the idle child has), and forbid core dumps and files."""
    import resource  # noqa: PLC0415

    pages = Path("/proc/self/statm")
    if pages.exists():
        size = int(pages.read_text().split()[0]) * resource.getpagesize() + (settings.memory_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the image
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(pixels: Any, wish: bytes, path: Path, settings: DecodeSettings) -> tuple[dict[str, Any], bytes]:
    try:
        read = pixels.decode_any if settings.pictures else pixels.decode
        result = pixels.display(path, settings) if wish == _DISPLAY else read(path, settings)
    except MemoryError:
        return {"outcome": "quarantined", "reasons": ["IMAGE_TOO_LARGE"]}, b""
    except BaseException:  # noqa: BLE001 - a Rust panic is a BaseException; nothing of it may leave
        return {"outcome": "quarantined", "reasons": ["DECODE_CRASH"]}, b""
    if isinstance(result, Rejection):
        return {"outcome": result.outcome, "reasons": list(result.reasons)}, b""
    return answer.told(result)


def _send(pipe: BinaryIO, head: dict[str, Any], data: bytes) -> None:
    text = json.dumps(head).encode()
    pipe.write(_HEAD.pack(len(text)) + text + data)
    pipe.flush()


if __name__ == "__main__":
    _serve(DecodeSettings(**json.loads(sys.argv[1])))
