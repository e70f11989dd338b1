import pytest

from bundler.sources.image.registry.reference import Host, Reference, parse_host, parse_reference
from installer.errors import UsageError

DIGEST = f"sha256:{'a1' * 32}"
HUB = Host("docker.io")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vllm/vllm-openai:v0.6.4", Reference(HUB, "vllm/vllm-openai", "v0.6.4", "")),
        ("debian", Reference(HUB, "library/debian", "latest", "")),
        ("docker.io/debian:12", Reference(HUB, "library/debian", "12", "")),
        ("index.docker.io/vllm/x", Reference(HUB, "vllm/x", "latest", "")),
        (f"vllm/x@{DIGEST}", Reference(HUB, "vllm/x", "", DIGEST)),
        (f"vllm/x:v1@{DIGEST}", Reference(HUB, "vllm/x", "v1", DIGEST)),
        ("registry.lan/x", Reference(Host("registry.lan"), "x", "latest", "")),
        ("registry.lan:5000/a/b/c:t", Reference(Host("registry.lan:5000"), "a/b/c", "t", "")),
        ("localhost/x", Reference(Host("localhost"), "x", "latest", "")),
        ("LAN/x", Reference(Host("LAN"), "x", "latest", "")),
        ("[::1]:5000/x:1", Reference(Host("[::1]:5000"), "x", "1", "")),
        ("[2001:db8::7]/x", Reference(Host("[2001:db8::7]"), "x", "latest", "")),
        ("a/b__c.d-e_f", Reference(HUB, "a/b__c.d-e_f", "latest", "")),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--privileged",
        "-v/:/host",
        "https://docker.io/vllm/x",
        "vllm/X",
        "vllm//x",
        "vllm/x/",
        "/vllm/x",
        "../x",
        "vllm/..",
        "vllm/x:",
        "vllm/x:a b",
        "vllm/x:-t",
        "vllm/x:t\n",
        "vllm/x\x1b[31m",
        "vllm/x@sha256:abc",
        f"vllm/x@sha512:{'a' * 128}",
        f"vllm/x@{DIGEST}@{DIGEST}",
        f"vllm/x@{DIGEST.upper()}",
        "user:secret@host/x",
        "host:0/x",
        "host:99999/x",
        "host:5000:1/x",
        "-host.lan/x",
        "host..lan/x",
        "[::1/x",
        "[:::1]/x",
        "[127.0.0.1]/x",
        "a/" * 200 + "x",
        "x:" + "t" * 129,
    ],
)
def test_what_is_no_name_of_an_image_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_reference(text)
    assert "\x1b" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_is_written_out_in_full() -> None:
    assert str(parse_reference("vllm/x:1")) == "docker.io/vllm/x:1"
    assert str(parse_reference("vllm/x:1").at(DIGEST)) == f"docker.io/vllm/x:1@{DIGEST}"
    assert parse_reference(str(parse_reference(f"x@{DIGEST}"))) == parse_reference(f"x@{DIGEST}")


def test_a_digest_is_asked_for_before_a_tag() -> None:
    assert parse_reference(f"vllm/x:1@{DIGEST}").wanted == DIGEST
    assert parse_reference("vllm/x:1").wanted == "1"


def test_docker_hub_answers_under_another_name() -> None:
    assert parse_host("docker.io").server == "registry-1.docker.io"
    assert parse_host("registry-1.docker.io") == HUB
    assert parse_host("registry.lan:5000").server == "registry.lan:5000"


def test_only_this_machine_is_loopback() -> None:
    assert all(parse_host(name).is_loopback for name in ("localhost", "127.0.0.1:5000", "[::1]:5000"))
    assert not any(parse_host(name).is_loopback for name in ("localhost.lan", "128.0.0.1", "127.0.0.1.lan", "[::2]"))
