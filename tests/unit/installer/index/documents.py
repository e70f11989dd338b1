"""A bundle.json that is right, to be made wrong in one place at a time."""

import hashlib
import json
from typing import Any

X = hashlib.sha256(b"x").hexdigest()
DIGEST = f"sha256:{X}"


def file(path: str, kind: str) -> dict[str, Any]:
    return {
        "path": path,
        "kind": kind,
        "size": 1,
        "sha256": X,
        "chunks": [X],
        "roles": ["head", "worker"],
        "source": "a test",
        "known_by": "build",
    }


def document() -> dict[str, Any]:
    paths = {
        "docker/docker-27.4.0.tgz": "docker",
        "driver/NVIDIA-Linux-x86_64-550.127.08.run": "driver",
        "image/oci-layout": "image",
        "install": "launcher",
        "model/tiny/config.json": "model",
        "runtime.tar.gz": "runtime",
        "toolkit/libnvidia-container1-1.17.8-1.x86_64.rpm": "toolkit",
    }
    return {
        "format": 1,
        "name": "tiny",
        "version": "2026.11",
        "sequence": 7,
        "target": {"arch": "x86_64", "glibc": "2.17", "packages": "rpm"},
        "cluster": {
            "nodes": 2,
            "gpus_per_node": 1,
            "backend": "ray",
            "port": 6379,
            "env": {"NCCL_IB_DISABLE": "1"},
            "shm_size": "10.24g",
        },
        "serve": {
            "name": "tiny",
            "tensor_parallel_size": 2,
            "pipeline_parallel_size": 1,
            "max_model_len": 4096,
            "gpu_memory_utilization": "0.95",
            "port": 8000,
            "args": ["--dtype", "half"],
            "allow": [],
        },
        "driver": {"version": "550.127.08"},
        "docker": {"version": "27.4.0", "binaries": [{"name": "dockerd", "size": 1, "sha256": X}]},
        "toolkit": {
            "version": "1.17.8",
            "packages": [
                {
                    "path": "toolkit/libnvidia-container1-1.17.8-1.x86_64.rpm",
                    "name": "libnvidia-container1",
                    "version": "1.17.8-1.x86_64",
                }
            ],
        },
        "image": {
            "reference": "vllm:small",
            "config": DIGEST,
            "manifest": DIGEST,
            "diff_ids": [DIGEST],
            "versions": {"vllm": "0.6.4"},
            "entrypoint": ["vllm", "serve"],
            "architecture": "amd64",
        },
        "model": {"name": "tiny", "allow": ["pickle"]},
        "files": [file(path, kind) for path, kind in paths.items()],
    }


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()
