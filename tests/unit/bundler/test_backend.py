"""Ray where the image holds it or vLLM's own way is not sound yet, else mp; the manifest has the last word."""

import pytest

from bundler.backend import choose_backend


@pytest.mark.parametrize(
    ("versions", "nodes", "backend", "reason"),
    [
        ({"vllm": "0.33.0"}, 2, "mp", "the image holds no Ray"),
        ({"vllm": "0.33.0", "ray": "2.60.0"}, 2, "ray", "the image holds Ray"),
        ({"vllm": "0.18.0"}, 2, "mp", "the image holds no Ray"),
        ({"vllm": "0.17.1"}, 2, "ray", "vLLM 0.17.1: its own way across nodes is only sound from 0.18.0 on"),
        ({"vllm": "0.6.4.post1"}, 1, "mp", "the image holds no Ray"),
        ({}, 2, "mp", "the image holds no Ray"),
    ],
)
def test_auto(versions: dict[str, str], nodes: int, backend: str, reason: str) -> None:
    chosen = choose_backend("auto", nodes, versions)
    assert (chosen.name, chosen.reason) == (backend, reason)


@pytest.mark.parametrize("wanted", ["ray", "mp"])
def test_the_manifest_has_the_last_word(wanted: str) -> None:
    assert choose_backend(wanted, 2, {"vllm": "0.33.0"}).words == f"{wanted} (the manifest says so)"
