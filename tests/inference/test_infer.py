"""The process that holds the model: bundles it refuses, models that hang or die, lanes that change nothing."""

import hashlib
import json
import multiprocessing
import warnings

import numpy as np
import pytest
import torch

from inference import infer
from inference.errors import BundleError
from inference.infer import Task
from inference.settings import DecodeSettings
from inference.simulation import dicom_writer
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN

pytestmark = pytest.mark.slow
SETTINGS = DecodeSettings(workers=2)


class Mean(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(1, 2, 3)) * 4.0, images[:, 0]


class Nan(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(1, 2, 3)) * float("nan"), images[:, 0]


class Flat(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(2, 3)), images[:, 0]


class Raises(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.reshape(7, 11), images[:, 0]


class HangsOnAllBut(torch.nn.Module):
    """Loop for ever on images whose mean grey is not below a limit."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        while bool(images.mean() >= self.limit):
            images = images + 0.0
        return images.mean(dim=(1, 2, 3)) * 4.0, images[:, 0]


def bundle(folder, network):
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces TorchScript's end
        torch.jit.script(network).save(str(folder / "w.pt"))
    described = {
        "name": "toy",
        "version": "1",
        "task": "fracture",
        "format": "torchscript",
        "architecture": "toy",
        "weights": "w.pt",
        "sha256": hashlib.sha256((folder / "w.pt").read_bytes()).hexdigest(),
        "input": {"size": 64, "channels": 1, "mean": 0.0, "std": 1.0, "flip": False},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": {"doubtful": 0.3, "positive": 0.6},
        "localisation": {"threshold": 0.5},
        "scope": {"regions": ["hand"]},
        "training": {"data": [{"name": "n", "licence": "l", "credit": "c"}], "recipe": {}, "hours": 0},
        "performance": {},
    }
    (folder / "model.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Five images, the third one a bright square and the others a thin bright line on black."""
    folder = tmp_path_factory.mktemp("images")
    study = plan(SAINT_AUBIN, SAINT_AUBIN.partner_since, SAINT_AUBIN.partner_since)[0]
    made = []
    for number in range(5):
        image = np.zeros((96, 96), np.float32)
        image[:, 40 : 44 + number] = 0.8
        if number == 2:
            image[4:90, 4:90] = np.linspace(0.8, 1.0, 86)
        stored = dicom_writer.stored(image, study.device.monochrome1)
        dicom_writer.write(dicom_writer.wrap(stored, study, study.views[0], SAINT_AUBIN), folder / f"{number}.dcm")
        made.append(Task("s", str(number), folder / f"{number}.dcm"))
    return made


@pytest.mark.parametrize(
    ("network", "sentence"),
    [(Nan(), "trial.*NaN"), (Flat(), "trial.*shape"), (Raises(), "trial.*failed on an input")],
    ids=["nan", "shape", "raises"],
)
def test_a_bundle_that_fails_its_trial_is_refused_before_any_image(tmp_path, tasks, network, sentence):
    with pytest.raises(BundleError, match=sentence):
        next(infer.run(tasks, bundle(tmp_path / "b", network), SETTINGS))


def test_a_bundle_that_hangs_in_its_trial_is_refused(tmp_path):
    with pytest.raises(BundleError, match="no answer within 1 seconds"):
        infer.examine(bundle(tmp_path / "b", HangsOnAllBut(-1.0)), SETTINGS, seconds=1.0)


def test_a_model_that_hangs_on_an_image_loses_that_image_alone(tmp_path, tasks):
    found = list(infer.run(tasks, bundle(tmp_path / "b", HangsOnAllBut(0.5)), SETTINGS, seconds=2.0))
    assert [item.task for item in found] == tasks
    assert [item.finding.status for item in found] == ["ok", "ok", "failed", "ok", "ok"]
    assert (found[2].finding.reason, found[2].finding.score) == ("MODEL_TIMEOUT", None)
    assert found[2].finding.model_name == "toy"


def test_a_model_that_hangs_three_times_in_a_row_is_refused(tmp_path, tasks):
    answers = infer.run([tasks[2]] * 5, bundle(tmp_path / "b", HangsOnAllBut(0.5)), SETTINGS, seconds=0.5)
    assert [next(answers).finding.reason for _ in range(2)] == ["MODEL_TIMEOUT", "MODEL_TIMEOUT"]
    with pytest.raises(BundleError, match="on 3 images in a row"):
        next(answers)


def test_a_model_that_dies_loses_the_image_that_it_was_at(tmp_path, tasks):
    # More images than answers fit into the pipe, so that the process cannot be done when it is killed.
    answers = infer.run(tasks * 8, bundle(tmp_path / "b", Mean()), SETTINGS)
    found = [next(answers)]
    for process in multiprocessing.active_children():
        if process.name == "bilan-inference":
            process.kill()
    found += answers
    assert [item.task for item in found] == tasks * 8
    assert [item.finding.reason for item in found if item.finding.status == "failed"] == ["MODEL_CRASH"]


def test_lanes_and_workers_change_neither_order_nor_scores(tmp_path, tasks):
    folder = bundle(tmp_path / "b", Mean())
    one = list(infer.run(tasks, folder, DecodeSettings(workers=1)))
    other = list(infer.run(tasks, folder, DecodeSettings(workers=3), lanes=2))
    assert [item.task for item in other] == tasks
    scores = [[item.finding.score for item in found] for found in (one, other)]
    assert len(set(scores[0])) == 5
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)


def test_a_bundle_that_is_none_starts_no_process(tmp_path, tasks):
    with pytest.raises(BundleError, match=r"model\.json is missing"):
        list(infer.run(tasks, tmp_path, SETTINGS))
    assert list(infer.run([], tmp_path, SETTINGS)) == []


def test_a_sound_bundle_passes_its_examination(tmp_path):
    assert infer.examine(bundle(tmp_path / "b", Mean()), SETTINGS)["name"] == "toy"
