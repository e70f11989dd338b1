"""What a manifest may say of cluster and server."""

import pytest

from installer.errors import MalformedError, UsageError
from installer.index.serve_args import OURS, WEAKENING
from installer.index.settings import (
    GCS_PORT,
    PEER_PORT,
    RAY_PORTS,
    ClusterSettings,
    ServeSettings,
    check_ports,
    size_in_bytes,
)
from installer.index.strict import Place, Value


def cluster(**values: Value) -> ClusterSettings:
    return ClusterSettings.read(Place({"backend": "ray", **values}, "cluster"))


def serve(**values: Value) -> ServeSettings:
    return ServeSettings.read(Place({"name": "tiny", **values}, "serve"))


def test_both_survive_being_written() -> None:
    settings = serve(max_model_len=512, args=["--dtype", "half"])
    assert ServeSettings.read(Place(settings.document(), "serve")) == settings
    nodes = cluster(nodes=3, env={"NCCL_DEBUG": "INFO"})
    assert ClusterSettings.read(Place(nodes.document(), "cluster")) == nodes
    assert serve(tensor_parallel_size=4, pipeline_parallel_size=2).world_size == 8


@pytest.mark.parametrize("port", [0, 22, 1023, 65536, "8000", [8000], True])
def test_a_port_is_a_free_number(port: Value) -> None:
    with pytest.raises(MalformedError):
        serve(port=port)
    with pytest.raises(MalformedError):
        cluster(port=port)


@pytest.mark.parametrize(
    "arg",
    [f"--{name}" for name in (*WEAKENING, *OURS)]
    + [
        "--host=0.0.0.0",
        "--trust_remote_code",
        "--trust-remote",
        "--tensor-parallel-size=9",
        "-tp",
        "-tp=2",
        "--port",
        "--ho",
    ],
)
def test_options_that_weaken_or_are_ours_are_refused_in_any_spelling(arg: str) -> None:
    with pytest.raises(MalformedError, match=r"^serve\.args: "):
        serve(args=[arg])


def test_a_named_opt_in_allows_that_one_option() -> None:
    assert serve(args=["--trust-remote-code"], allow=["trust-remote-code"]).allow == ("trust-remote-code",)
    with pytest.raises(MalformedError):
        serve(args=["--host", "::"], allow=["trust-remote-code"])
    for name in ("port", "dtype", "--host", ""):
        with pytest.raises(MalformedError):
            serve(allow=[name])


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PATH", "VLLM_HOST_IP", "VLLM_API_KEY", "lower", "A=B", "A B", "", "1A", "A\n"]
)
def test_a_reserved_or_odd_variable_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        cluster(env={name: "x"})


@pytest.mark.parametrize("name", ["RAY_memory_monitor_refresh_ms", "RAY_gcs_rpc_server_reconnect_timeout_s", "RAY_x"])
def test_rays_own_settings_have_names_in_lower_case(name: str) -> None:
    assert cluster(env={name: "0"}).env == {name: "0"}


@pytest.mark.parametrize(
    "name", ["RAY_address", "RAY_auth_mode", "RAY_AUTH_mode", "RAY_usage_stats_enabled", "RAY_Memory", "ray_x"]
)
def test_what_is_reserved_is_so_in_any_case_of_letters(name: str) -> None:
    with pytest.raises(MalformedError, match=rf"^cluster\.env\.{name}: "):
        cluster(env={name: "x"})


def test_who_wants_an_api_key_hears_that_there_is_none_yet() -> None:
    with pytest.raises(MalformedError, match=r"env\.VLLM_API_KEY: there is no API key support yet") as caught:
        cluster(env={"VLLM_API_KEY": "hush"})
    assert "proxy" in caught.value.hint
    for arg in ("--api-key", "--api-key=hush", "--api_key=hush"):
        with pytest.raises(MalformedError, match="there is no API key support yet") as caught:
            serve(args=[arg])
        assert "proxy" in caught.value.hint
        assert "hush" not in str(caught.value)


SECRET = "hf_SecretSecretSecret"


@pytest.mark.parametrize(
    "name",
    """
    HF_TOKEN HUGGING_FACE_HUB_TOKEN MODELSCOPE_API_TOKEN AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN OPENAI_API_KEY
    WANDB_APIKEY DB_PASSWORD PGPASSWD NCCL_SECRET_NAME GPG_PASSPHRASE TOKEN
    """.split(),
)
@pytest.mark.parametrize("value", [SECRET, f"{SECRET}\n"])
def test_a_secret_has_no_place_in_what_lies_open_on_every_node(name: str, value: str) -> None:
    with pytest.raises(MalformedError, match=rf"^cluster\.env\.{name}: .*would lie open") as caught:
        cluster(env={name: value})
    assert "environment of `bundle lock` and `bundle build`" in caught.value.hint
    assert SECRET not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "name", ["TIKTOKEN_ENCODINGS_BASE", "VLLM_MAX_TOKENS_PER_EXPERT_FUSED_MOE_CHUNK", "TOKENIZERS_PARALLELISM"]
)
def test_tokens_of_text_are_no_secret(name: str) -> None:
    assert cluster(env={name: "1"}).env == {name: "1"}


@pytest.mark.parametrize(
    "args",
    [
        ["--hf-token", SECRET],
        [f"--hf-token={SECRET}"],
        [f"--hf_token={SECRET}"],
        [f"--hf-tok={SECRET}"],
        [f"--hf-token {SECRET}"],
        [f"--some-api-key={SECRET}"],
        [f"--proxy-password={SECRET}"],
    ],
)
def test_an_option_that_carries_a_secret_is_refused_without_showing_it(args: list[Value]) -> None:
    with pytest.raises(MalformedError, match=r"^serve\.args: --[a-z_-]+: .*would lie open") as caught:
        serve(args=args)
    assert SECRET not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("option", ["--max-num-batched-tokens", "--tokenizer", "--long-prefill-token-threshold"])
def test_options_about_tokens_of_text_are_taken(option: str) -> None:
    assert serve(args=[option, "2"]).args == (option, "2")


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "\x1b"])
def test_a_value_of_a_variable_is_one_line(value: str) -> None:
    with pytest.raises(MalformedError):
        cluster(env={"NCCL_DEBUG": value})


def test_values_that_a_shell_would_read_are_only_text() -> None:
    text = """%n %% $HOME ${IFS} a" --privileged "b \\x0a ; rm -rf / '`id`'"""
    assert cluster(env={"NCCL_X": text}).env["NCCL_X"] == text


@pytest.mark.parametrize(
    ("size", "in_bytes"), [("10g", 10 << 30), ("512m", 512 << 20), ("10.24g", int(10.24 * (1 << 30)))]
)
def test_a_size_for_docker(size: str, in_bytes: int) -> None:
    assert cluster(shm_size=size).shm_size == size
    assert size_in_bytes(size) == in_bytes


@pytest.mark.parametrize("size", ["10", "10G", "-1g", "1e3g", "10 g", "", "999999g"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(MalformedError):
        cluster(shm_size=size)


@pytest.mark.parametrize("fraction", ["0.95", "0.9", "1.0", "1"])
def test_a_fraction(fraction: str) -> None:
    assert serve(gpu_memory_utilization=fraction).gpu_memory_utilization == fraction


@pytest.mark.parametrize("fraction", ["1.1", "0", ".9", "-0.5", "0.9x", "9e-1", "nan", ""])
def test_other_fractions_are_refused(fraction: str) -> None:
    with pytest.raises(MalformedError):
        serve(gpu_memory_utilization=fraction)


class Written(Place):
    error = UsageError


@pytest.mark.parametrize(
    ("cluster_port", "serve_port"),
    [
        (GCS_PORT, GCS_PORT),
        (8000, 8000),
        (RAY_PORTS["--node-manager-port"], 8000),
        (PEER_PORT, 8000),
        (GCS_PORT, PEER_PORT),
        (6379, 6380),
        (6379, 20500),
        (20500, 8000),
    ],
)
def test_two_services_on_one_port_are_refused(cluster_port: int, serve_port: int) -> None:
    with pytest.raises(UsageError):
        check_ports(Written({}, ""), cluster(port=cluster_port), serve(port=serve_port))


def test_the_defaults_do_not_collide() -> None:
    check_ports(Written({}, ""), cluster(), serve())


def test_a_gpu_is_named_by_the_table_or_not_at_all() -> None:
    assert cluster(gpu="T4").gpu == "T4"
    assert cluster().gpu == ""
    with pytest.raises(MalformedError, match=r"gpu: 'T5' is not one of V100, T4"):
        cluster(gpu="T5")


def test_an_index_without_a_gpu_is_as_it_was_before_there_was_the_key() -> None:
    assert "gpu" not in cluster().document()
    assert cluster(gpu="L20").document()["gpu"] == "L20"
