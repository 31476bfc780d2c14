"""An Orthanc on loopback with a simulated day, and homes whose sites ask it."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
import torch
import yaml

from inference.description import embedded
from inference.simulation import night as simulated
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN
from pipelines import config, demo
from pipelines.config import Config

DAY = date(2026, 10, 20)
SITE = replace(SAINT_AUBIN, studies_per_day=3.0)
PLUGINS = Path("/usr/share/orthanc/plugins")
KEY = "5a" * 32


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Orthanc:
    """A running server: its ports, and the port to which it sends what is moved."""

    http: int
    dicom: int
    move_to: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def upload(self, data: bytes) -> None:
        requests.post(f"{self.url}/instances", data=data, auth=("bilan", "secret"), timeout=30).raise_for_status()

    def file(self, instance: str) -> bytes:
        answer = requests.get(f"{self.url}/instances/{instance}/file", auth=("bilan", "secret"), timeout=30)
        answer.raise_for_status()
        return answer.content

    def delete(self, path: str) -> None:
        requests.delete(f"{self.url}/{path}", auth=("bilan", "secret"), timeout=30).raise_for_status()

    def ask(self, path: str) -> Any:
        answer = requests.get(f"{self.url}/{path}", auth=("bilan", "secret"), timeout=30)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="session")
def orthanc_program() -> str:
    """Where Orthanc is; without it, and its DICOMweb plugin, these tests have nobody to talk with."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or not (PLUGINS / "libOrthancDicomWeb.so").exists():
        pytest.skip("Orthanc is not installed (apt-get install orthanc orthanc-dicomweb)")
    return program


@pytest.fixture
def orthanc(orthanc_program: str, tmp_path: Path) -> Iterator[Orthanc]:
    """An empty Orthanc; it knows us as BILAN."""
    server = Orthanc(free_port(), free_port(), free_port())
    settings = {
        "Name": "ORTHANC",
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "Plugins": [str(PLUGINS / "libOrthancDicomWeb.so")],
        "HttpPort": server.http,
        "DicomPort": server.dicom,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"bilan": "secret"},
        "DicomModalities": {
            "bilan": {"AET": "BILAN", "Host": "127.0.0.1", "Port": server.move_to, "AllowGet": True},
        },
        "DicomAlwaysAllowFind": False,
        "OverwriteInstances": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "SaveJobs": False,
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [orthanc_program, str(tmp_path / "orthanc.json")]
    with (tmp_path / "orthanc.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait(server: Orthanc, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "Orthanc ended"
        try:
            server.ask("system")
            with socket.create_connection(("127.0.0.1", server.dicom), timeout=1):
                return
        except (requests.RequestException, OSError):
            time.sleep(0.1)
    pytest.fail("Orthanc does not answer")


@dataclass(frozen=True)
class Delivery:
    """A simulated day's files."""

    images: Path
    messages: Path
    truth: simulated.NightTruth


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    """The day, as files."""
    folder = tmp_path_factory.mktemp("day")
    truth = simulated.write_night(plan(SITE, DAY, DAY), SITE, DAY, folder / "dicom", folder / "hl7", cases=())
    return Delivery(folder / "dicom", folder / "hl7", truth)


class Mean(torch.nn.Module):
    """A network whose logit is the mean of the image: quick, and different from image to image."""

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return batch.mean(dim=(1, 2, 3)) * 4 - 1, torch.nn.functional.avg_pool2d(batch, 8)[:, 0]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with this network."""
    folder = tmp_path_factory.mktemp("bundle")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces TorchScript's end
        torch.jit.script(Mean()).save(str(folder / "weights.pt"))
    described = json.loads((embedded() / "model.json").read_text(encoding="utf-8"))
    described.update(
        name="mean",
        format="torchscript",
        architecture="mean",
        weights="weights.pt",
        sha256=hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest(),
        operating_points={"doubtful": 0.3, "positive": 0.45},
        calibration={"slope": 1.0, "intercept": 0.0},
    )
    described["input"].update(size=64, channels=1, flip=False)
    (folder / "model.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def make_home_at(delivery: Delivery, bundle: Path) -> Callable[..., Config]:
    """Make a home of the site with this source of images; its messages come from a folder."""

    def make(home: Path, source: dict[str, Any], **changes: Any) -> Config:
        (home / "sites").mkdir(parents=True)
        (home / "keys").mkdir()
        (home / "bilan.yaml").write_text("simulated_clock: true\nworkers: 1\n")
        folder = {"name": "ris", "type": "folder", "path": str(delivery.messages), "content": "hl7"}
        settings = {
            **demo.site_file(SITE, home),
            "sources": [{**folder, "stable_seconds": 0}, source],
            "model": {"bundle": str(bundle)},
            **changes,
        }
        path = home / "sites" / f"{SITE.site}.yaml"
        path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        key = home / "keys" / f"{SITE.site}.key"
        key.touch(mode=0o600)
        key.write_text(KEY)
        return config.load(home)

    return make
