"""Of files that hold the same weights twice, those that vLLM loads are counted."""

import pytest

from installer.hardware.weights import weight_bytes


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ({"model-00001-of-00002.safetensors": 3, "model-00002-of-00002.safetensors": 4, "config.json": 9}, 7),
        ({"model.safetensors": 3, "consolidated.safetensors": 3, "pytorch_model.bin": 3}, 3),
        ({"consolidated.safetensors": 3}, 3),
        ({"pytorch_model-1.bin": 3, "training_args.bin": 1}, 3),
        ({"x.gguf": 5}, 5),
        ({"onnx/model.safetensors": 3}, 0),
        ({}, 0),
    ],
)
def test_weights(sizes: dict[str, int], wanted: int) -> None:
    assert weight_bytes(sizes) == wanted
