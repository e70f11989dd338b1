"""What a publisher states of a digest: read strictly, and only of the file that is meant."""

import pytest

from bundler.sources.publishers import published
from bundler.sources.statements import read_statement
from installer.errors import RefusedError

NAME = "NVIDIA-Linux-x86_64-550.127.08.run"
DIGEST = "32c85d99b0f640c9501f61b39ddad208fd0288d015c4fbc5fd0435c07783fa77"
OTHER = "0" * 64
URL = f"https://h/{NAME}.sha256sum"


@pytest.mark.parametrize(
    "text",
    [
        f"{DIGEST}  {NAME}\n",
        f"{DIGEST} *{NAME}\n",
        f"{DIGEST}  {NAME}",
        f"{OTHER}  release-v1/other.tar.gz\n{DIGEST}  release-v1/{NAME}\n",
        f"{DIGEST}  {NAME}\r\n",
        f"# sha256\r\n{OTHER}  other\r\n{DIGEST}  {NAME}\r\n",
        f"{DIGEST}  {NAME}\n\n",
        f"{DIGEST}  {NAME}\nthanks\n",
        f"{DIGEST}  {NAME}\n\N{SNOWMAN}",
        f"{DIGEST[:40]}  {NAME}\n{DIGEST}  {NAME}\n",
    ],
)
def test_the_digest_of_the_file_is_found_by_its_name(text: str) -> None:
    assert read_statement(text.encode(), NAME, "driver", URL) == DIGEST


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (DIGEST, "names it 0 times"),
        (f"{DIGEST.upper()}  {NAME}\n", "names it 0 times"),
        (f"{DIGEST[:40]}  {NAME}\n", "names it 0 times"),
        (f"{DIGEST} {NAME}\n", "names it 0 times"),
        (f"\\{DIGEST}  {NAME}\n", "names it 0 times"),
        (f"{DIGEST}  {NAME}\n{OTHER}  a/{NAME}\n", "names it 2 times"),
        (f"{DIGEST}  {NAME}\n{DIGEST}  {NAME}\n", "names it 2 times"),
        (f"{DIGEST}  {NAME}.asc\n", "names it 0 times"),
        ("<!DOCTYPE html><html>", "web page"),
        ("\x1b[2J\n", "names it 0 times"),
    ],
)
def test_anything_else_is_refused_with_the_way_out(text: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why) as caught:
        read_statement(text.encode(), NAME, "driver", URL)
    assert str(caught.value).startswith(f"driver: {URL}")
    assert "`driver.sha256`" in caught.value.hint
    assert str(caught.value).isprintable()


def test_each_publisher_states_it_in_its_own_place() -> None:
    driver = published("driver", "550.127.08")
    assert driver.url == f"https://us.download.nvidia.com/tesla/550.127.08/{NAME}"
    assert driver.statement == f"{driver.url}.sha256sum"
    assert published("docker", "27.4.0").statement == ""
    toolkit = "https://github.com/NVIDIA/nvidia-container-toolkit/releases/download/v1.17.8"
    for kind, name in (("rpm", "rpm_x86_64"), ("deb", "deb_amd64")):
        found = published(f"toolkit {kind}", "1.17.8")
        assert found.url == f"{toolkit}/nvidia-container-toolkit_1.17.8_{name}.tar.gz"
        assert found.statement == f"{toolkit}/nvidia-container-toolkit_1.17.8_checksums.txt"
