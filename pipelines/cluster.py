"""Inference on several machines: shards of images over a Dask cluster (`pip install bilan[cluster]`).

A shard is a list of spool files on storage that every machine mounts at the same path. A worker keeps
nothing: it analyses a shard as a night on one machine does, in the same sandbox, and returns plain data;
the caller, the only writer, loads them. A shard whose worker died is given to another one.
Dask logs a task's name, and its arguments when it fails: names are random, and `Shard` prints as a number.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from inference import infer
from inference.description import EMBEDDED, describe, embedded
from inference.infer import Inferred, Task
from inference.settings import DecodeSettings
from pipelines.config_cluster import Cluster
from pipelines.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Future

# Shards that wait at the scheduler for each worker: one to begin at once, no more results to hold than needed.
_AHEAD = 2
# How long one look at the cluster waits for an answer before it counts the workers again.
_LOOK_SECONDS = 5.0
# Beyond what its images may take: processes start, the model is loaded.
_SHARD_START_SECONDS = 300.0


@dataclass(frozen=True, repr=False)
class Shard:
    """Images for one worker, with all that it needs to judge them; `bundle` is a folder or an embedded one's name."""

    tasks: tuple[Task, ...]
    bundle: Path | str
    sha256: str
    settings: DecodeSettings
    seconds: float
    version: str

    def __repr__(self) -> str:
        return f"Shard({len(self.tasks)} images)"

    @property
    def limit(self) -> float:
        """Seconds after which the shard's worker is not waited for any longer."""
        return _SHARD_START_SECONDS + len(self.tasks) * (self.seconds + self.settings.seconds)


Work = Callable[[Shard], tuple[Inferred, ...]]


def analyse(shard: Shard) -> tuple[Inferred, ...]:
    """Analyse one shard, on a worker.

    Raises
    ------
    ClusterError
        If the worker has another version of Bilan or of the model, or does not see the spool: its answers
        would be wrong for every image.
    inference.errors.BundleError
        If the bundle cannot be used.
    """
    if metadata.version("bilan") != shard.version:
        raise ClusterError("a worker runs another version of Bilan than the machine that asks it: install the same")
    bundle = embedded(shard.bundle) if isinstance(shard.bundle, str) else shard.bundle
    if describe(bundle)["sha256"] != shard.sha256:
        raise ClusterError("a worker has another model than the machine that asks it: give both the same bundle")
    if not all(task.path.is_file() for task in shard.tasks):
        raise ClusterError("a worker does not see all images: mount the spool at the same path on every machine")
    return tuple(infer.run(shard.tasks, bundle, shard.settings, shard.seconds))


def run(
    tasks: Sequence[Task],
    bundle: Path,
    settings: DecodeSettings,
    seconds: float,
    cluster: Cluster,
    work: Work = analyse,
) -> Iterator[Inferred]:
    """Analyse images on a cluster, in the order in which its shards are done.

    Parameters
    ----------
    tasks, bundle, settings, seconds
        As for `inference.infer.run`; spool and bundle lie at the same path on every machine.
    cluster
        Where the scheduler is.
    work
        What a worker does with a shard.

    Yields
    ------
    Inferred
        One for each task that was answered, once.

    Raises
    ------
    BundleError
        If a worker refuses the bundle.
    ClusterError
        At the end, if shards have no answer: no scheduler, no worker, or workers that died or cannot do them.
    """
    described = describe(bundle)
    chosen = next((name for name in EMBEDDED if embedded(name).resolve() == bundle.resolve()), bundle)
    version = metadata.version("bilan")
    shards = [
        Shard(tuple(tasks[start : start + cluster.shard]), chosen, described["sha256"], settings, seconds, version)
        for start in range(0, len(tasks), cluster.shard)
    ]
    failed: list[BaseException] = []
    with _connected(cluster) as client:
        try:
            for future in _done(client, shards, work, cluster.wait_seconds):
                error = future.exception()
                if error is None:
                    yield from future.result()
                else:
                    failed.append(error)
        except OSError:  # Dask's CommClosedError is one
            raise ClusterError("the scheduler is gone: start it, then run the night again") from None
    if failed:
        raise _told(failed)


def workers(cluster: Cluster) -> int:
    """Return how many workers the cluster has.

    Raises
    ------
    ClusterError
        If the scheduler does not answer.
    """
    with _connected(cluster) as client:
        return len(client.nthreads())


def _connected(cluster: Cluster) -> Client:
    try:
        from distributed import Client, Security  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ClusterError("`cluster` in bilan.yaml needs Dask: pip install 'bilan[cluster]'") from None
    security = None
    if cluster.scheduler.startswith("tls://"):
        security = Security(
            tls_ca_file=str(cluster.ca),
            tls_client_cert=str(cluster.certificate),
            tls_client_key=str(cluster.key),
            require_encryption=True,
        )
    try:
        return Client(cluster.scheduler, security=security, timeout=cluster.wait_seconds, set_as_default=False)
    except (OSError, ValueError):  # TimeoutError, a refused connection or certificate, a PEM file that is none
        raise ClusterError(
            f"the scheduler {cluster.scheduler} does not answer: see that it runs, that this machine may reach it, "
            "and that the certificates are of one authority"
        ) from None


def _done(client: Client, shards: list[Shard], work: Work, patience: float) -> Iterator[Future]:
    """Yield each shard's future when it is done, a few shards ahead of the workers.

    A future is let go of as soon as the next one is asked for: its result leaves the worker's memory.
    """
    left = list(reversed(shards))
    running: dict[Future, Shard] = {}
    alive = answered = time.monotonic()
    while left or running:
        count = len(client.nthreads())
        while left and len(running) < _AHEAD * max(count, 1):
            shard = left.pop()
            future = client.submit(work, shard, key=f"shard-{uuid.uuid4()}", pure=False)
            running[future] = shard
        done = _first(client, list(running))
        now = time.monotonic()
        alive = now if count else alive
        answered = now if done else answered
        if now - alive > patience:
            raise ClusterError("the cluster has no worker: start some, then run the night again")
        if now - answered > max(shard.limit for shard in running.values()):
            raise ClusterError("the workers give no answer: look at their logs, then run the night again")
        for future in done:
            del running[future]
            yield future


def _first(client: Client, futures: list[Future]) -> list[Future]:
    """Return those that are done, waiting a moment for a first one."""
    from distributed import wait  # noqa: PLC0415

    try:
        with client.as_current():
            return list(wait(futures, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []


def _told(failed: list[BaseException]) -> BaseException:
    """Return what to raise for shards without an answer: the bundle's fault where it is that."""
    from inference.errors import BundleError  # noqa: PLC0415

    for error in failed:
        if isinstance(error, BundleError | ClusterError):
            return error
    return ClusterError(f"{len(failed)} shards were lost with their workers; the next run tries their images again")
