"""Inference over a real Dask cluster of this machine: the same findings, each once, whoever dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from inference import infer
from inference.infer import Inferred, Task
from inference.settings import DecodeSettings
from pipelines import cluster, config, doctor, night
from pipelines.cluster import Shard
from pipelines.config import Config
from pipelines.config_cluster import Cluster
from pipelines.errors import ClusterError
from warehouse import connect

pytest.importorskip("distributed", reason="extra [cluster]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.real,
    # Dask's own sockets at the end of a client whose scheduler is gone.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SITE = "saint-aubin"


def certificates(folder: Path) -> dict[str, str]:
    """An authority and a certificate of its own, as files."""
    now = datetime.now(UTC)

    def made(name: str, issuer: x509.Name, key: Any, signer: Any, *, authority: bool) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )

    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    (folder / "ca.pem").write_bytes(
        made("test authority", issuer, root, root, authority=True).public_bytes(serialization.Encoding.PEM)
    )
    (folder / "certificate.pem").write_bytes(
        made("bilan", issuer, key, root, authority=False).public_bytes(serialization.Encoding.PEM)
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"ca": f"{folder}/ca.pem", "certificate": f"{folder}/certificate.pem", "key": f"{folder}/key.pem"}


class Machines:
    """A scheduler and its workers, each a process of this machine, as docs/cluster.md starts them."""

    def __init__(self, folder: Path) -> None:
        self.files = certificates(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tls://127.0.0.1:{free.getsockname()[1]}"
        self._log = (folder / "log").open("wb")
        self.log = folder / "log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2])

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")

    def settings(self, **changes: Any) -> Cluster:
        return Cluster.model_validate({"scheduler": self.address, **self.files, "wait_seconds": 60} | changes)

    def _start(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        tls = ["--tls-ca-file", self.files["ca"], "--tls-cert", self.files["certificate"]]
        command = [sys.executable, "-m", "distributed.cli.dask_" + role, *arguments, "--no-dashboard", *tls]
        process = subprocess.Popen(
            [*command, "--tls-key", self.files["key"]],
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with started(tmp_path_factory.mktemp("cluster")) as made:
        made.worker(), made.worker()
        yield made


@contextmanager
def started(folder: Path) -> Iterator[Machines]:
    made = Machines(folder)
    try:
        yield made
    finally:
        made.stop()


def nights(loaded: Config, day: date) -> dict[str, int]:
    night.begin(loaded, SITE, [day])
    night.take_images(loaded, SITE, [day])
    counts = night.infer_images(loaded, SITE, [day], None)
    night.assemble(loaded, SITE, [day])
    return counts


def findings(loaded: Config) -> list[tuple[Any, ...]]:
    sql = "select study_uid, instance_uid, status, score, reason, model_sha256 from finding order by all"
    with connect.reader(loaded.warehouse) as connection:
        return connection.execute(sql).fetchall()


def shared(loaded: Config, settings: Cluster | None) -> Config:
    """The same home with the cluster in bilan.yaml, read as a user's file is."""
    path = loaded.home / "bilan.yaml"
    old = yaml.safe_load(path.read_text(encoding="utf-8")) | {"cluster": None}
    new = old | ({"cluster": settings.model_dump(mode="json")} if settings else {})
    path.write_text(yaml.safe_dump(new), encoding="utf-8")
    return config.load(loaded.home)


def test_a_night_on_a_cluster_finds_what_one_machine_finds(
    machines: Machines, toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    loaded = make_home(model={"bundle": str(toys / "toy-onnx")}, scope={"regions": ["hand", "wrist", "ankle", "foot"]})
    assert set(nights(loaded, day)) == {"ok"}
    alone = findings(loaded)
    assert len(alone) > 2
    with connect.writer(loaded.warehouse) as connection:
        connection.execute("delete from finding")
    together = shared(loaded, machines.settings(shard=2))
    assert nights(together, day) == {"ok": len(alone)}
    assert findings(together) == alone
    assert nights(together, day) == {}
    # Nothing of a patient stands in what scheduler and workers wrote of themselves.
    log = machines.log.read_text(encoding="utf-8", errors="replace")
    assert "Registered to" in log
    assert not any(study in log or image in log for study, image, *_ in alone)
    (found,) = doctor.machines(together)
    assert (found.ok, found.found) == (True, "workers: 2")


def test_without_a_cluster_that_answers_no_image_is_lost_and_the_next_night_does_them(
    toys: Path, make_home: Callable[..., Config], day: date
) -> None:
    loaded = make_home(model={"bundle": str(toys / "toy-onnx")})
    nobody = shared(loaded, Cluster(scheduler="tcp://127.0.0.1:9", wait_seconds=1))
    counts = nights(nobody, day)
    assert set(counts) == {"failed"}
    assert {(status, reason) for _, _, status, _, reason, _ in findings(nobody)} == {("failed", "CLUSTER_FAILED")}
    with connect.reader(loaded.warehouse) as connection:
        assert connection.execute("select error from night_failure").fetchall() == [("CLUSTER_FAILED",)]
    (found,) = doctor.machines(nobody)
    assert not found.ok
    assert nights(shared(loaded, None), day) == {"ok": counts["failed"]}


def tasks(count: int, folder: Path) -> list[Task]:
    for index in range(count):
        (folder / f"{index}.dcm").touch()
    return [Task(f"1.2.{index}", f"1.2.{index}.1", folder / f"{index}.dcm") for index in range(count)]


def test_a_killed_workers_shard_is_done_again_and_counted_once(machines: Machines, toys: Path, tmp_path: Path) -> None:
    def slow(shard: Shard) -> tuple[Inferred, ...]:
        first = shard.tasks[0].path
        with first.with_suffix(".began").open("a") as marks:
            marks.write(f"{os.getpid()}\n")
        time.sleep(0.4)
        first.with_suffix(".ended").touch()
        unknown = infer.UNKNOWN
        return tuple(infer.unanswered(task, unknown, "MODEL_FAILED") for task in shard.tasks)

    before = cluster.workers(machines.settings())
    extra = machines.worker()
    deadline = time.monotonic() + 120
    while cluster.workers(machines.settings()) == before:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    given = tasks(60, tmp_path)
    answers = cluster.run(given, toys / "toy-onnx", DecodeSettings(), 60, machines.settings(shard=3), work=slow)
    seen = [next(answers).task.instance_uid]
    while not (victims := [path for path in tmp_path.glob("*.began") if _of(path, extra.pid)]):
        seen.append(next(answers).task.instance_uid)  # until the third worker has begun a shard
    os.kill(extra.pid, signal.SIGKILL)
    lost = [path for path in victims if not path.with_suffix(".ended").exists()]
    seen += [item.task.instance_uid for item in answers]
    assert sorted(seen) == sorted(task.instance_uid for task in given)
    for path in lost:
        assert len(path.read_text().split()) == 2
    assert len(list(tmp_path.glob("*.began"))) == 20


def _of(path: Path, pid: int) -> bool:
    return str(pid) in path.read_text().split() and not path.with_suffix(".ended").exists()


def test_a_worker_that_does_not_see_the_spool_refuses_the_shard(machines: Machines, toys: Path, tmp_path: Path) -> None:
    given = [Task("1.2.3", "1.2.3.4", tmp_path / "elsewhere.dcm")]
    with pytest.raises(ClusterError, match="mount the spool at the same path"):
        list(cluster.run(given, toys / "toy-onnx", DecodeSettings(), 60, machines.settings()))
    log = machines.log.read_text(encoding="utf-8", errors="replace")
    assert "Compute Failed" in log
    assert "1.2.3.4" not in log


def test_a_scheduler_of_other_certificates_is_refused(machines: Machines, toys: Path, tmp_path: Path) -> None:
    strangers = machines.settings(**certificates(tmp_path), wait_seconds=2)
    with pytest.raises(ClusterError, match="does not answer"):
        list(cluster.run(tasks(1, tmp_path), toys / "toy-onnx", DecodeSettings(), 60, strangers))


def test_a_cluster_without_workers_is_told(tmp_path: Path, toys: Path) -> None:
    with started(tmp_path) as empty, pytest.raises(ClusterError, match="no worker"):
        list(cluster.run(tasks(1, tmp_path), toys / "toy-onnx", DecodeSettings(), 60, empty.settings(wait_seconds=15)))


def test_a_scheduler_that_dies_leaves_its_images_to_the_next_night(tmp_path: Path, toys: Path) -> None:
    def slow(shard: Shard) -> tuple[Inferred, ...]:
        time.sleep(0.5)
        return tuple(infer.unanswered(task, infer.UNKNOWN, "MODEL_FAILED") for task in shard.tasks)

    with started(tmp_path) as made:
        made.worker()
        settings = made.settings(shard=1, wait_seconds=20)
        answers = cluster.run(tasks(8, tmp_path), toys / "toy-onnx", DecodeSettings(), 60, settings, work=slow)
        next(answers)
        made.scheduler.kill()
        with pytest.raises(ClusterError):
            list(answers)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scheduler": "tls://dask.hospital.example:8786"}, "needs ca, certificate and key"),
        ({"scheduler": "tcp://dask.hospital.example:8786"}, "must be reached by tls://"),
        ({"scheduler": "dask.hospital.example"}, "pattern"),
    ],
)
def test_an_open_scheduler_is_not_accepted(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cluster.model_validate(given)
