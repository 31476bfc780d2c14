"""The sandbox, tried from inside: decoders that hang, die, panic, lie, eat memory, write and call home."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inference import answer, child
from inference.child import Decoders
from inference.pixels import Prepared
from inference.records import Rejection
from inference.settings import DecodeSettings

# Decoders taken over by what they read: the file's content says what they do.
EVIL = """
import json, os, signal, socket, sys, time
from pathlib import Path
import numpy as np
from inference import child, pixels
from inference.pixels import Prepared
from inference.records import Rejection
from inference.settings import DecodeSettings

seen = []

def decode(path, settings):
    word = path.read_bytes().decode()
    done = True
    seen.append(word)
    if word == "hang":
        time.sleep(60)
    elif word == "spin":
        while True:
            pass
    elif word == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "exit":
        os._exit(0)
    elif word == "panic":
        raise type("PanicException", (BaseException,), {})("CANARY")
    elif word == "memory":
        np.ones(10**9).sum()
    elif word == "full" and len(seen) > 1:
        raise MemoryError
    elif word == "print":
        os.write(1, b"CANARY" * 100)
    elif word == "write":
        try:
            with Path("/tmp/bilan-test-child-wrote").open("wb") as file:
                file.write(b"x" * 10)
        except OSError:
            done = False
    elif word == "call":
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except PermissionError:
            done = False
    elif word == "lie":
        return Prepared(np.full((2, 2), np.nan, np.float32), 2, 2, 1.0)
    elif word == "invent":
        return Rejection("quarantined", ("CANARY",))
    return Prepared(np.full((3, 2), float(done), np.float32), 30, 20, 10.0)

pixels.decode = decode
child._serve(DecodeSettings(**json.loads(sys.argv[1])))
"""


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """Decode files that hold these words with decoders that obey them; results in order."""
    script = tmp_path / "evil.py"
    script.write_text(EVIL)

    def command(settings):
        return [sys.executable, str(script), *child_arguments(settings)]

    child_arguments = lambda settings: original(settings)[-1:]  # noqa: E731
    original = child._command
    monkeypatch.setattr(child, "_command", command)

    def run(*words, **limits):
        paths = []
        for number, word in enumerate(words):
            paths.append(tmp_path / f"{number}")
            paths[-1].write_text(word)
        with Decoders(DecodeSettings(**{"workers": 1, "seconds": 5.0, **limits})) as decoders:
            results = list(decoders.map(paths))
        assert [path for path, _ in results] == paths
        return [result for _, result in results]

    return run


def good(result):
    return isinstance(result, Prepared) and result.image.shape == (3, 2) and bool((result.image == 1).all())


def test_good_answers_come_back_whole_and_in_order(evil):
    results = evil(*["fine"] * 12, workers=2)
    assert all(good(result) for result in results)
    assert (results[0].rows, results[0].columns, results[0].scale) == (30, 20, 10.0)


@pytest.mark.parametrize("word", ["die", "exit"])
def test_a_dead_child_is_replaced(evil, word):
    first, bad, last = evil("fine", word, "fine")
    assert good(first)
    assert bad == Rejection("quarantined", ("DECODE_CRASH",))
    assert good(last)


@pytest.mark.parametrize("word", ["hang", "spin"])
def test_a_hanging_child_is_killed_in_time_and_replaced(evil, word):
    started = time.monotonic()
    bad, last = evil(word, "fine", seconds=1.0)
    assert bad == Rejection("quarantined", ("DECODE_TIMEOUT",))
    assert good(last)
    assert time.monotonic() - started < 30


def test_a_panic_is_contained_and_tells_nothing(evil, capfd):
    bad, last = evil("panic", "fine")
    assert bad == Rejection("quarantined", ("DECODE_CRASH",))
    assert good(last)
    captured = capfd.readouterr()
    assert "CANARY" not in captured.out + captured.err


def test_memory_is_limited(evil):
    bad, last = evil("memory", "fine", memory_mb=300)
    assert bad == Rejection("quarantined", ("IMAGE_TOO_LARGE",))
    assert good(last)


def test_whether_an_image_fits_does_not_depend_on_those_before(evil):
    assert all(map(good, evil("full", "fine", "full", "full")))
    bad, last = evil("memory", "fine", memory_mb=300)
    assert (bad, good(last)) == (Rejection("quarantined", ("IMAGE_TOO_LARGE",)), True)


def test_what_a_decoder_prints_does_not_mix_with_the_answer(evil):
    assert good(evil("print")[0])


def test_no_file_can_be_written(evil):
    Path("/tmp/bilan-test-child-wrote").unlink(missing_ok=True)
    evil("write")
    written = Path("/tmp/bilan-test-child-wrote")
    assert not written.exists() or written.stat().st_size == 0
    written.unlink(missing_ok=True)


@pytest.mark.parametrize("word", ["lie", "invent"])
def test_nonsense_is_not_believed(evil, word):
    assert evil(word) == [Rejection("quarantined", ("DECODE_CRASH",))]


def test_the_look_ahead_is_bounded(evil, tmp_path):
    drawn = []

    def endless():
        while True:
            path = tmp_path / f"many{len(drawn)}"
            path.write_text("fine")
            drawn.append(path)
            yield path

    with Decoders(DecodeSettings(workers=1)) as decoders:
        results = decoders.map(endless())
        next(results)
        assert len(drawn) < 20
        results.close()


def test_children_are_gone_afterwards(evil, tmp_path):
    with Decoders(DecodeSettings(workers=2)) as decoders:
        path = tmp_path / "one"
        path.write_text("fine")
        list(decoders.map([path] * 4))
        started = [item._process.pid for item in decoders._children if item._process]
    assert started
    for number in started:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


needs_seccomp = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="seccomp needs Linux"
)


@needs_seccomp
def test_a_child_cannot_call_home(evil):
    (result,) = evil("call")
    assert (np.asarray(result.image) == 0).all()


@needs_seccomp
def test_isolation_holds_for_all_threads_and_child_processes():
    script = """
import socket, subprocess, sys, threading
from inference.child import isolate_network, network_isolated
ready, go, found = threading.Event(), threading.Event(), []
def other():
    ready.set(); go.wait()
    found.append(network_isolated())
thread = threading.Thread(target=other); thread.start(); ready.wait()
assert not network_isolated()
assert isolate_network()
go.set(); thread.join()
assert found == [True]
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind)
        except PermissionError:
            continue
        raise SystemExit(f"{family} {kind} was allowed")
left, right = socket.socketpair()
left.send(b"x"); assert right.recv(1) == b"x"
code = "import socket; socket.socket(socket.AF_INET)"
assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode != 0
assert isolate_network()  # once more does no harm
print("isolated")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "isolated", done.stderr


def test_this_process_is_not_isolated():
    assert not child.network_isolated()
    socket.socket(socket.AF_INET).close()


@pytest.mark.parametrize("head", ['{"bytes": Infinity}', "[" * 60_000, '{"bytes": "x"}', "[]", '{"bytes": -1}'])
def test_an_answer_that_is_none_is_a_crash_of_the_decoder(head):
    writes = "import struct, sys; t = sys.argv[1].encode(); sys.stdout.buffer.write(struct.pack('>I', len(t)) + t)"
    with (
        subprocess.Popen([sys.executable, "-c", writes, head], stdout=subprocess.PIPE) as process,
        pytest.raises(answer.LostError, match="DECODE_CRASH"),
    ):
        child._receive(process, time.monotonic() + 30)


def test_a_picture_of_no_size_that_there_is_is_a_crash_of_the_decoder():
    infinite = {"height": float("inf"), "width": 1, "rows": 1, "columns": 1, "scale": 1.0}
    with pytest.raises(answer.LostError, match="DECODE_CRASH"):
        answer.prepared(infinite, bytearray(4))
    with pytest.raises(answer.LostError, match="DECODE_CRASH"):
        answer.displayed({**infinite, "rows": float("inf"), "bits": 8}, bytearray(4))
