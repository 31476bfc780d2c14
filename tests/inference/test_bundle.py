"""Bundles: the embedded one, other makers' formats, and everything that must be refused."""

import hashlib
import json
import warnings

import numpy as np
import pytest
import torch

from inference import bundle, description, detect, engine
from inference.errors import BundleError, ModelOutputError
from inference.simulation import radiograph

SIZE = 32


class Bright(torch.nn.Module):
    """Another maker's model: logit = mean grey, map = mean grey of four quarters."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = torch.nn.functional.avg_pool2d(images, 16).mean(dim=1)
        return cells.mean(dim=(1, 2)), cells


class Nan(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(1, 2, 3)) * float("nan"), images[:, 0]


class WrongShape(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(2, 3)), images[:, 0]


class Breaks(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.reshape(7, 11), images[:, 0]


def describe(folder, weights, **changes):
    description = {
        "name": "other-maker",
        "version": "9",
        "task": "fracture",
        "format": "torchscript",
        "architecture": "secret",
        "weights": weights,
        "sha256": hashlib.sha256((folder / weights).read_bytes()).hexdigest(),
        "input": {"size": SIZE, "channels": 3, "mean": 0.0, "std": 1.0, "flip": False},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": {"doubtful": 0.3, "positive": 0.6},
        "localisation": {"threshold": 0.5},
        "scope": {"regions": ["hand"]},
        "training": {
            "data": [{"name": "own", "licence": "own", "credit": "own"}],
            "recipe": {},
            "hours": 1,
        },
        "performance": {},
    } | changes
    (folder / "model.json").write_text(json.dumps(description))
    return folder


def torchscript(folder, network=None, **changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces torch.jit's retirement
        torch.jit.trace(network or Bright(), torch.zeros(1, 3, SIZE, SIZE), check_trace=False).save(
            str(folder / "w.pt")
        )
    return describe(folder, "w.pt", **changes)


def onnx_file(folder, **changes):
    onnx = pytest.importorskip("onnx", reason="test extra")
    pytest.importorskip("onnxruntime", reason="extra [onnx]")
    make = onnx.helper
    shape = [None, 3, SIZE, SIZE]
    images = make.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)
    logit = make.make_tensor_value_info("logit", onnx.TensorProto.FLOAT, [None])
    cells = make.make_tensor_value_info("map", onnx.TensorProto.FLOAT, [None, 2, 2])
    axes = [
        make.make_tensor(name, onnx.TensorProto.INT64, [len(values)], values)
        for name, values in (("channel", [1]), ("both", [1, 2]))
    ]
    nodes = [
        make.make_node("AveragePool", ["images"], ["p"], kernel_shape=[16, 16], strides=[16, 16]),
        make.make_node("ReduceMean", ["p", "channel"], ["map"], keepdims=0),
        make.make_node("ReduceMean", ["map", "both"], ["logit"], keepdims=0),
    ]
    graph = make.make_graph(nodes, "bright", [images], [logit, cells], axes)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "w.onnx"))
    return describe(folder, "w.onnx", format="onnx", **changes)


@pytest.fixture(scope="module")
def default():
    return bundle.load(bundle.embedded())


def test_embedded_bundle_loads_and_scores(default):
    logit, cells = default.forward(np.zeros((2, 1, default.input_size, default.input_size), np.float32))
    assert logit.shape == (2,)
    assert cells.shape[1] == cells.shape[2] == default.input_size // 16
    assert 0 < default.operating_points["doubtful"] <= default.operating_points["positive"] < 1


def test_embedded_bundle_is_small_credited_and_carries_its_figures():
    folder = bundle.embedded()
    assert (folder / "weights.safetensors").stat().st_size <= 20_000_000
    description = bundle.describe(folder)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Not a medical device" in card
    for data in description["training"]["data"]:
        assert data["credit"] in card
    assert f"{description['performance']['test']['auroc']['value']:.3f}" in card


def test_another_makers_torchscript_scores(tmp_path):
    model = bundle.load(torchscript(tmp_path))
    image = np.zeros((SIZE, SIZE), np.float32)
    image[:16, :16] = 1.0
    detection = detect.detect(model, [image])[0]
    assert detection.score == pytest.approx(1 / (1 + np.exp(-0.25)), abs=1e-6)
    assert detection.heat.shape == (2, 2)
    assert detection.heat[0, 0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_another_makers_onnx_equals_the_same_model_in_torchscript(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = bundle.load(torchscript(tmp_path / "a"))
    second = bundle.load(onnx_file(tmp_path / "b"))
    batch = np.random.default_rng(0).random((3, 1, SIZE, SIZE), dtype=np.float32)
    for one, other in zip(first.forward(batch), second.forward(batch), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_stated_normalisation_is_applied(tmp_path):
    given = {"size": SIZE, "channels": 3, "mean": 0.5, "std": 0.25, "flip": False}
    model = bundle.load(torchscript(tmp_path, input=given))
    logit, _ = model.forward(np.ones((1, 1, SIZE, SIZE), np.float32))
    assert logit[0] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [(Nan(), "NaN"), (WrongShape(), "shape"), (Breaks(), "failed on an input")],
)
def test_nonsense_output_is_refused(tmp_path, network, sentence):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(tmp_path / "w.pt"))
    model = bundle.load(describe(tmp_path, "w.pt"))
    with pytest.raises(ModelOutputError, match=sentence):
        detect.detect(model, [np.ones((8, 8), np.float32)])


def test_altered_weights_are_refused(tmp_path):
    folder = torchscript(tmp_path)
    with (folder / "w.pt").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"sha256 differs.*install the bundle again"):
        bundle.load(folder)


@pytest.mark.parametrize("field", sorted(description._FIELDS))
def test_each_missing_field_is_named(tmp_path, field):
    folder = torchscript(tmp_path)
    description = json.loads((folder / "model.json").read_text())
    del description[field]
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match=f"lacks {field}"):
        bundle.load(folder)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"extra": 1}, "does not know"),
        ({"task": "astrology"}, "task must be"),
        ({"format": "pickle"}, "format must be"),
        ({"weights": "../w.pt"}, "file name beside"),
        ({"name": ""}, "must not be empty"),
        ({"name": 3}, "type str"),
        ({"input": {"size": 33, "channels": 1, "mean": 0, "std": 1, "flip": False}}, "multiple"),
        ({"input": {"size": 32, "channels": 2, "mean": 0, "std": 1, "flip": False}}, "1 or 3"),
        ({"input": {"size": 32, "channels": 1, "mean": 0, "std": 0, "flip": False}}, "std"),
        ({"input": {"size": 32, "channels": 1, "mean": 0, "std": 1}}, "lacks flip"),
        ({"input": []}, "dict"),
        ({"operating_points": {"doubtful": 0.7, "positive": 0.6}}, "doubtful <= positive"),
        ({"operating_points": {"doubtful": float("nan"), "positive": 0.6}}, "finite"),
        ({"operating_points": {"doubtful": True, "positive": 0.6}}, "type float"),
        ({"calibration": {"slope": -1, "intercept": 0}}, "slope"),
        ({"localisation": {"threshold": 1.5}}, "threshold"),
        ({"scope": {"regions": [1]}}, "regions"),
        ({"training": {"data": [{"name": "x"}], "recipe": {}, "hours": 1}}, "lacks"),
        ({"format": "safetensors"}, "architecture"),
    ],
)
def test_malformed_descriptions_are_refused_with_a_remedy(tmp_path, changes, sentence):
    folder = torchscript(tmp_path)
    described = json.loads((folder / "model.json").read_text()) | changes
    (folder / "model.json").write_text(json.dumps(described))
    with pytest.raises(BundleError, match=sentence):
        bundle.load(folder)


def test_folders_without_a_bundle_are_refused(tmp_path):
    with pytest.raises(BundleError, match=r"model\.json is missing"):
        bundle.load(tmp_path)
    (tmp_path / "model.json").write_bytes(b"\xff{")
    with pytest.raises(BundleError, match="cannot be read as JSON"):
        bundle.load(tmp_path)
    folder = torchscript(tmp_path)
    (folder / "w.pt").unlink()
    with pytest.raises(BundleError, match=r"w\.pt is missing"):
        bundle.load(folder)


@pytest.mark.parametrize(
    ("format_name", "architecture"),
    [("torchscript", "x"), ("onnx", "x"), ("safetensors", "bilan-lite0-map16")],
)
def test_weights_of_another_format_are_refused(tmp_path, format_name, architecture):
    if format_name == "onnx":
        pytest.importorskip("onnxruntime", reason="extra [onnx]")
    (tmp_path / "w.bin").write_bytes(b"not weights at all" * 10)
    describe(tmp_path, "w.bin", format=format_name, architecture=architecture)
    with pytest.raises(BundleError, match="export it again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundle.load(tmp_path)


def test_onnx_runtime_gives_the_results_of_pytorch():
    pytest.importorskip("onnx", reason="extra [onnx]")
    pytest.importorskip("onnxruntime", reason="extra [onnx]")
    reference, other = (bundle.load(bundle.embedded(), engine) for engine in ("torch", "onnx"))
    random = np.random.default_rng(3)
    pictures = [random.random((300, 200)), np.outer(np.linspace(0, 1, 460), np.hanning(380))]
    for picture in pictures:
        expected, found = (detect.detect(model, [picture.astype(np.float32)])[0] for model in (reference, other))
        assert found.score == pytest.approx(expected.score, abs=1e-4)
        np.testing.assert_allclose(found.heat, expected.heat, atol=1e-4)
    square = np.zeros((1, 1, reference.input_size, reference.input_size), np.float32)
    assert not np.array_equal(other.forward(square)[1], reference.forward(square)[1])  # it is another engine
    both = other.forward(np.repeat(square, 2, axis=0))[0]
    assert both == pytest.approx(np.repeat(other.forward(square)[0], 2), abs=1e-5)


def test_the_embedded_network_in_eight_bit_integers_answers_nearly_as_the_whole_one():
    pytest.importorskip("onnxruntime", reason="extra [onnx]")
    whole, quantised = (bundle.load(bundle.embedded(name)) for name in ("embedded", "embedded-int8"))
    recipe = bundle.describe(bundle.embedded("embedded-int8"))["training"]["recipe"]
    assert recipe["quantised_from"]["sha256"] == whole.sha256
    assert (bundle.embedded("embedded-int8") / "weights.onnx").stat().st_size <= 10_000_000
    drawn = [radiograph.draw("wrist", "AP", seed, fracture=seed % 2 == 1).image for seed in range(6)]
    squares = np.stack([detect.letterbox(image, whole.input_size)[0][None] for image in drawn])
    (logits, cells), (others, coarse) = whole.forward(squares), quantised.forward(squares)
    assert logits.std() > 0.3  # a network that always says the same would pass
    assert np.corrcoef(logits, others)[0, 1] > 0.9
    assert np.corrcoef(cells.ravel(), coarse.ravel())[0, 1] > 0.8  # drawings are flat: 0.89
    assert not np.array_equal(cells, coarse)


def test_without_onnx_runtime_pytorch_runs_the_network_and_a_sentence_says_so(monkeypatch):
    monkeypatch.setattr(engine, "PARTS", ("no_such_package",))
    reference = bundle.load(bundle.embedded())
    square = np.full((1, 1, reference.input_size, reference.input_size), 0.5, np.float32)
    logits, cells = bundle.load(bundle.embedded(), "onnx").forward(square)
    expected = reference.forward(square)
    assert np.array_equal(logits, expected[0])
    assert np.array_equal(cells, expected[1])
    assert "pip install 'bilan[onnx]'" in engine.fallback("onnx")
    assert engine.fallback("torch") is None
