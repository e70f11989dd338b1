"""What vLLM says when it refuses to start becomes the value to try next. Lines are of real logs or a named source."""

from dataclasses import replace

import pytest

from installer.hardware.refusals import Explanation, explain
from installer.index.settings import ClusterSettings, ServeSettings

CLUSTER = ClusterSettings(2, 4, "ray", 6379, {}, "10g")
SERVE = ServeSettings("m", 4, 2, 32768, "0.90", 8000, (), ())
V1 = "(EngineCore_DP0 pid=18799) ERROR 10-08 20:33:48 [core.py:708] ValueError: "
SET = "vllm-airgap install --set"
ESTIMATE = "Based on the available memory, the estimated maximum model length is 32768. "


def explained(line: str, serve: ServeSettings = SERVE) -> Explanation:
    found = explain(["INFO starting", line, "RuntimeError: Engine core initialization failed."], CLUSTER, serve)
    assert found is not None
    return found


@pytest.mark.parametrize("words", ["models's max seq len (40960), (5.62 GiB", "model's max seq len (40960), 5.62 GiB"])
def test_the_estimate_of_v1_is_the_next_length(words: str) -> None:
    found = explained(
        f"{V1}To serve at least one request with the {words} KV cache is needed, which is larger than the available KV "
        f"cache memory (4.50 GiB). {ESTIMATE}Try increasing `gpu_memory_utilization` or decreasing `max_model_len`"
    )
    assert found.what == "one request of 40960 tokens needs 5.62 GiB of cache, 4.5 GiB are there"
    assert found.hint == f"{SET} max_model_len=32768"


def test_without_an_estimate_it_is_the_share_that_is_there() -> None:
    found = explained(
        f"{V1}To serve at least one request with the models's max seq len (32768), (8.00 GiB KV cache is needed, which "
        "is larger than the available KV cache memory (4.00 GiB). Try increasing `gpu_memory_utilization`"
    )
    assert found.hint == f"{SET} max_model_len=16384"


def test_the_first_releases_of_v1_write_gb() -> None:
    """As kv_cache_utils.py of 0.8.0 to 0.8.2 has it; what they count are GiB."""
    found = explained(
        "ValueError: To serve at least one request with the models's max seq len "
        "(8192), (2.00 GB KV cache is needed, which is larger than the available KV cache memory (0.78 GB). Try "
        "increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
    )
    assert found.what == "one request of 8192 tokens needs 2.0 GiB of cache, 0.78 GiB are there"
    assert found.hint == f"{SET} max_model_len=3072"


def test_a_batch_that_is_shorter_than_a_request() -> None:
    """As config.py of 0.8.5 and scheduler.py of 0.33.0 have it."""
    found = explained(
        "ValueError: max_num_batched_tokens (2048) is smaller than max_model_len (4096). This effectively limits the "
        "maximum sequence length to max_num_batched_tokens and makes vLLM reject longer sequences. Please increase "
        "max_num_batched_tokens or decrease max_model_len."
    )
    assert found.what == "requests of 4096 tokens do not go into a batch of 2048 (--max-num-batched-tokens)"
    assert found.hint.startswith(f"{SET} max_model_len=2048")
    assert 'serve.args: [--max-num-batched-tokens, "4096"]' in found.hint


def test_the_tokens_that_v0_has_are_the_next_length() -> None:
    found = explained(
        "ERROR 03-25 21:32:48 engine.py:387] The model's max seq len (32768) is larger than the maximum number of "
        "tokens that can be stored in KV cache (4336). Try increasing `gpu_memory_utilization` or decreasing"
    )
    assert found.what == "max_model_len 32768 is more than the 4336 tokens that the cache holds"
    assert found.hint == f"{SET} max_model_len=4336"


@pytest.mark.parametrize(
    ("utilization", "length", "hint"),
    [
        ("0.90", 32768, f"{SET} gpu_memory_utilization=0.95 --set max_model_len=4096"),
        ("0.90", None, f"{SET} gpu_memory_utilization=0.95 --set max_model_len=4096"),
        ("0.95", 32768, f"{SET} max_model_len=4096"),
        ("0.90", 4096, f"{SET} gpu_memory_utilization=0.95"),
    ],
)
def test_no_memory_for_the_cache_asks_for_more_of_the_gpu_and_shorter_requests(
    utilization: str, length: int | None, hint: str
) -> None:
    """0.95 with 4096 is what the runbook ended with."""
    line = "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when"
    assert explained(line, replace(SERVE, gpu_memory_utilization=utilization, max_model_len=length)).hint == hint


def test_where_nothing_is_left_to_try_it_is_the_wrong_model() -> None:
    serve = replace(SERVE, gpu_memory_utilization="0.95", max_model_len=2048)
    assert "smaller model" in explained("No available memory for the cache blocks", serve).hint


@pytest.mark.parametrize("device", ["", " cuda:0"])
def test_memory_that_another_process_holds(device: str) -> None:
    found = explained(
        f"{V1}Free memory on device{device} (58.33/63.98 GiB) on startup is less than desired GPU memory utilization "
        "(0.92, 58.87 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."
    )
    assert found.what.startswith("58.33 of 63.98 GiB of a GPU are free")
    assert found.hint.endswith(f"{SET} gpu_memory_utilization=0.90")


def test_a_gpu_that_is_nearly_full_is_not_worth_trying() -> None:
    found = explained("Free memory on device (2.02/63.59 GiB) on startup is less than desired GPU memory utilization")
    assert found.hint == "stop what holds the GPU (nvidia-smi names it)"


def test_heads_that_cannot_be_shared() -> None:
    serve = replace(SERVE, tensor_parallel_size=6, pipeline_parallel_size=1)
    found = explained(
        "ValueError: Total number of attention heads (40) must be divisible by tensor parallel size (6). "
        "`--tensor-parallel-size` values are valid: [1, 2, 4, 5, 8, 10, 20, 40]",
        serve,
    )
    assert found.what.startswith("40 % 6 = 4: ")
    assert found.hint == f"{SET} tensor_parallel_size=2 --set pipeline_parallel_size=3"


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: Weight input_size_per_partition = 14784 is not divisible by min_thread_k = 128. Consider reducing",
        "ValueError: output_size of gate's and up's weight = 192 is not divisible by weight quantization block_n = 8",
        "ValueError: The input size is not aligned with the quantized weight shape. This can be caused by too large",
    ],
)
def test_weights_that_cannot_be_cut_so_small(line: str) -> None:
    assert explained(line).hint == f"{SET} tensor_parallel_size=2 --set pipeline_parallel_size=4"


def test_a_gpu_that_is_too_old_for_the_kernel() -> None:
    found = explained(
        "ValueError: The quantization method gptq_marlin is not supported for the current GPU. Minimum capability: 80. "
        "Current capability: 75."
    )
    assert found.what == "gptq_marlin needs compute capability 8.0, the GPU has 7.5"
    assert "v0.14.1" in found.hint


def test_a_scheme_that_is_too_new() -> None:
    """vllm#14040: RuntimeError is given three pieces, and prints them so."""
    found = explained(
        "RuntimeError: ('Quantization scheme is not supported for ', 'the current GPU. Min capability: 80. ', 'Current "
        "capability: 75.')"
    )
    assert found.what == "the model's quantization needs compute capability 8.0, the GPU has 7.5"


def test_a_quantization_without_bfloat16() -> None:
    """vllm#1823."""
    found = explained(
        "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported dtypes: [torch.float16]"
    )
    assert found.what == "awq does not compute in bfloat16"
    assert found.hint.endswith("serve.args: [--dtype, float16]")


def test_no_bfloat16() -> None:
    found = explained(
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has "
        "compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI"
    )
    assert "serve.args: [--dtype, half]" in found.hint


@pytest.mark.parametrize(
    "line",
    [
        "  Value error, World size (8) is larger than the number of available GPUs (3) in this node. If this is",
        "ValueError: Tensor parallel size (8) cannot be larger than the number of available GPUs (3).",
    ],
)
def test_fewer_gpus_than_asked_for(line: str) -> None:
    found = explained(line)
    assert found.what == "8 GPUs are asked for, 3 are there"
    assert "nvidia-smi -L" in found.hint


def test_swap_space_beyond_the_nodes_memory() -> None:
    found = explained(
        "ValueError: Too large swap space. 16.00 GiB out of the 20.00 GiB total CPU memory is allocated for the swap"
    )
    assert found.hint.endswith('serve.args: [--swap-space, "2"]')


@pytest.mark.parametrize("most", ["max_position_embeddings=32768", "max_position_embeddings=32768.0", "None=32768"])
def test_longer_than_the_model_was_made_for(most: str) -> None:
    found = explained(
        f"ValueError: User-specified max_model_len (65536) is greater than the derived max_model_len ({most} or "
        "model_max_length=None in model's config.json). This may lead to incorrect model outputs"
    )
    assert found.hint == f"{SET} max_model_len=32768"


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 266.00 MiB. GPU 0 has a total",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: CUDA driver error: out of memory",
    ],
)
def test_out_of_memory_leaves_more_to_the_rest(line: str) -> None:
    found = explained(line)
    assert "nvidia-smi" in found.hint
    assert f"{SET} gpu_memory_utilization=0.85" in found.hint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Every node should have a unique IP address. Got 2 nodes with node ids [...] and 1 unique IP", "--node-ip"),
        ("No available node types can fulfill resource request {'node:10.0.0.1': 0.001, 'GPU': 1.0}.", "10.0.0.1"),
        ("RuntimeError: Cannot provide a placement group requiring 2 GPUs (tp=2) within 1800 seconds.", "2 GPUs"),
    ],
)
def test_a_cluster_that_is_not_what_the_server_needs(line: str, words: str) -> None:
    found = explained(line)
    assert words in f"{found.what} {found.hint}"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "WARNING config.py:1148] Possibly too large swap space. 4.00 GiB out of the 7.74 GiB total CPU memory is",
        "INFO GPU KV cache size: 158,656 tokens",
        "ValueError: something else",
    ],
)
def test_what_is_no_refusal_is_not_explained(line: str) -> None:
    assert explain([line], CLUSTER, SERVE) is None


def test_the_last_refusal_counts() -> None:
    first = (
        "The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (1)"
    )
    last = (
        "The model's max seq len (4096) is larger than the maximum number of tokens that can be stored in KV cache (2)"
    )
    found = explain([first, last], CLUSTER, SERVE)
    assert found is not None
    assert found.hint == f"{SET} max_model_len=2"


def test_with_mp_every_node_must_be_told() -> None:
    found = explain(["CUDA out of memory"], replace(CLUSTER, backend="mp"), SERVE)
    assert found is not None
    assert f"{SET} gpu_memory_utilization=0.85 on every node" in found.hint
