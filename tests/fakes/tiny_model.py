"""The files of a model as hubs have them, small enough for a unit test and whole enough for every rule."""

import json
import random
import struct
from pathlib import Path


def weights(tensor: str, size: int) -> bytes:
    """A safetensors file with one tensor of ``size`` bytes, the same ones every time."""
    return weights_header(tensor, size) + random.Random(tensor).randbytes(size)  # noqa: S311 # nothing secret


def weights_header(tensor: str, size: int) -> bytes:
    """All of such a file but the tensor itself."""
    header = json.dumps({tensor: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header


def write_sparse_weights(path: Path, size: int) -> None:
    """A tensor of zeros that takes no room on the disk."""
    header = weights_header("zeros", size)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)


def shard(number: int, of: int) -> str:
    return f"model-{number:05}-of-{of:05}.safetensors"


def model_files(shards: int = 2, size: int = 100_000) -> dict[str, bytes]:
    """``size`` is that of each shard's tensor."""
    names = [shard(number, shards) for number in range(1, shards + 1)]
    return {
        ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
        "README.md": b"# tiny\n",
        "config.json": b'{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}',
        "generation_config.json": b"{}",
        "merges.txt": b"a b\n",
        "model.safetensors.index.json": json.dumps({"weight_map": {name: name for name in names}}).encode(),
        "tokenizer.json": json.dumps({"model": {"vocab": {chr(n): n for n in range(32, 127)}}}).encode(),
        "tokenizer_config.json": b'{"tokenizer_class": "Qwen2Tokenizer"}',
        "vocab.json": b'{"a": 0}',
        **{name: weights(name, size) for name in names},
    }
