"""What runs the embedded network: PyTorch, the reference, or ONNX Runtime, which is optional and faster."""

from __future__ import annotations

from importlib.util import find_spec

PARTS = ("onnxruntime", "onnx")
MISSING = (
    "ONNX Runtime is asked for (engine: onnx) and not installed: PyTorch runs the network, with the same results, "
    "slower. Install it with pip install 'bilan[onnx]'"
)


def onnx_usable() -> bool:
    """Whether ONNX Runtime, and what hands a network to it, are installed."""
    return all(find_spec(name) for name in PARTS)


def fallback(engine: str) -> str | None:
    """Return the sentence to show where another engine than the one asked for is used."""
    return MISSING if engine == "onnx" and not onnx_usable() else None
