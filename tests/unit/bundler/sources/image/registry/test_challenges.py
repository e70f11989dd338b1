import pytest

from bundler.sources.image.registry.challenges import Challenge, parse_challenges
from installer.errors import UnreachableError

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:vllm/vllm-openai:pull"'
)


def test_docker_hubs_own_is_read() -> None:
    (challenge,) = parse_challenges([HUB], "docker.io")
    assert challenge == Challenge(
        "bearer",
        {
            "realm": "https://auth.docker.io/token",
            "service": "registry.docker.io",
            "scope": "repository:vllm/vllm-openai:pull",
        },
    )


@pytest.mark.parametrize(
    ("values", "schemes"),
    [
        (['Basic realm="Registry Realm"'], ["basic"]),
        (['BASIC realm=plain , charset="UTF-8"'], ["basic"]),
        (['Basic realm="a, b=c"', HUB], ["basic", "bearer"]),
        (['Basic realm="x", Bearer realm="https://a/t", service="s"'], ["basic", "bearer"]),
        (["Negotiate"], ["negotiate"]),
        (['Negotiate, Basic realm="x"'], ["negotiate", "basic"]),
        (["Negotiate, NTLM"], ["negotiate", "ntlm"]),
        ([], []),
        ([""], []),
    ],
)
def test_several_ways_are_told_apart(values: list[str], schemes: list[str]) -> None:
    assert [challenge.scheme for challenge in parse_challenges(values, "host")] == schemes


def test_quoted_text_may_hold_what_separates() -> None:
    (challenge,) = parse_challenges([r'Basic realm="a \"b\", c=d \\ e"'], "host")
    assert challenge.parameters == {"realm": r'a "b", c=d \ e'}


@pytest.mark.parametrize(
    "value",
    [
        'Bearer realm="https://a/t',
        'Bearer realm="https://a/t" service="s"',
        'Bearer realm="https://a/t", realm="https://b/t"',
        "Bearer realm=",
        'Bearer realm="a"b',
        "Bearer =x",
        'Bearer realm="a\nb"',
        "Bearer " + "x" * 9000,
        '"realm"',
    ],
)
def test_what_can_be_read_in_two_ways_is_not_read(value: str) -> None:
    with pytest.raises(UnreachableError, match=r"registry\.lan: wants a login"):
        parse_challenges([value], "registry.lan")
