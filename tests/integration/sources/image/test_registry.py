"""A real registry, with TLS and a login, and what becomes of its images."""

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.lock import LockedImage
from bundler.manifest import ImageSpec
from bundler.progress import unwatched
from bundler.sources.image import archive
from bundler.sources.image.docker_save.cutting import cut
from bundler.sources.image.registry.endpoints import OnThisMachine
from bundler.sources.image.registry.pulling import ask_image, take_image, take_locked
from bundler.workplace import Workplace
from installer.errors import RefusedError, UnreachableError
from tests.integration.sources.image import token_server as tokens
from tests.integration.sources.image.certificates import Certificates, make_certificates
from tests.integration.sources.image.real_registry import (
    PASSWORD,
    USER,
    Registry,
    basic_auth,
    copy,
    registry,
    write_layout,
)
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, hex_digest, pieces

NAME = "vllm/vllm-openai:v0.7.0"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, image: FakeImage) -> Iterator[Registry]:
    """Open to all, without TLS, as docker itself takes one on loopback."""
    folder = tmp_path_factory.mktemp("plain")
    with registry(folder) as one:
        one.push(write_layout(folder / "layout", [(image, "amd64")]), NAME)
        yield one


@pytest.fixture(scope="module")
def private(
    tmp_path_factory: pytest.TempPathFactory, image: FakeImage, certificates: Certificates
) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("private")
    with registry(folder, basic_auth(folder), certificates) as one:
        layout = write_layout(folder / "layout", [(image, "amd64")])
        one.push(layout, NAME, "--dest-creds", f"{USER}:{PASSWORD}")
        yield one


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


def log_in(folder: Path, host: str, **entry: str) -> None:
    (folder / "docker/config.json").write_text(json.dumps({"auths": {host: entry}}))


def basic(password: str = PASSWORD) -> str:
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def demand_whole(taken: LockedImage, image: FakeImage, work: Workplace) -> None:
    packed = {
        f"image/blobs/sha256/{hex_digest(one)}" for one in (gzip.compress(layer, mtime=0) for layer in image.layers)
    }
    assert taken.image.config == image.id
    assert taken.image.diff_ids == tuple(f"sha256:{hex_digest(layer)}" for layer in image.layers)
    assert packed <= {file.path for file in taken.files}
    for file in taken.files:
        data = work.cache.path(file.sha256).read_bytes()
        assert (len(data), hex_digest(data)) == (file.size, file.sha256)


def test_layers_come_as_they_are_served_and_the_manifest_is_kept(
    plain: Registry, image: FakeImage, work: Workplace
) -> None:
    taken = take_image(plain.reference(NAME), (), work)
    demand_whole(taken, image, work)
    served = subprocess.run(
        ("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{plain.reference(NAME)}"),
        capture_output=True,
        check=True,
    ).stdout
    assert taken.image.manifest == f"sha256:{hex_digest(served)}"
    assert work.cache.path(hex_digest(served)).read_bytes() == served
    assert {file.known_by for file in taken.files} == {"registry"}


def test_the_manifest_alone_tells_how_much_will_come(plain: Registry, image: FakeImage, work: Workplace) -> None:
    asked = ask_image(plain.reference(NAME), (), work)
    assert not [path for path in work.cache.folder.rglob("*") if path.is_file()]
    sizes = {file.sha256: file.size for file in asked.blobs}
    taken = asked.take()
    demand_whole(taken, image, work)
    assert sizes == {file.sha256: file.size for file in taken.files if file.url}


def test_what_is_in_the_image_is_told_without_running_it(plain: Registry, work: Workplace) -> None:
    taken = take_image(plain.reference(NAME), (), work)
    assert taken.image.versions == {"cuda": "12.4.1", "python": "3.12", "vllm": "0.7.0"}
    assert taken.image.requires == {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}


def test_the_folder_is_an_image_layout_that_others_read(plain: Registry, work: Workplace, tmp_path: Path) -> None:
    taken = take_image(plain.reference(NAME), (), work)
    for file in taken.files:
        target = tmp_path / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(work.cache.path(file.sha256))
    copy(f"oci:{tmp_path / 'image'}", f"dir:{tmp_path / 'copied'}")
    copied = json.loads((tmp_path / "copied/manifest.json").read_bytes())
    assert copied["config"]["digest"] == taken.image.config


def test_a_second_time_no_layer_is_fetched_or_read(plain: Registry, work: Workplace) -> None:
    first = take_image(plain.reference(NAME), (), work)
    times = {path: path.stat().st_mtime_ns for path in work.cache.folder.glob("sha256/*/*")}
    large = max(first.files, key=lambda file: file.size)
    work.cache.path(large.sha256).write_bytes(b"who reads this sees that it is no layer")
    assert take_image(plain.reference(NAME), (), work) == first
    assert times.keys() == set(work.cache.folder.glob("sha256/*/*"))


def test_a_layer_that_is_gone_is_fetched_again(plain: Registry, image: FakeImage, work: Workplace) -> None:
    first = take_image(plain.reference(NAME), (), work)
    work.cache.drop(max(first.files, key=lambda file: file.size).sha256)
    assert take_image(plain.reference(NAME), (), work) == first
    demand_whole(first, image, work)


def test_what_is_locked_is_fetched_though_its_tag_moved(
    plain: Registry, image: FakeImage, work: Workplace, other_work: Workplace, tmp_path: Path
) -> None:
    plain.push(write_layout(tmp_path / "first", [(image, "amd64")]), "moving/tag:1")
    locked = take_image(plain.reference("moving/tag:1"), (), work)
    newer = FakeImage(image.layers[:2], extra=image.extra)
    plain.push(write_layout(tmp_path / "second", [(newer, "amd64")]), "moving/tag:1")
    take_locked(locked.pinned, (), other_work)
    demand_whole(locked, image, other_work)
    assert not (other_work.cache.folder / "layers").exists()


def test_entrypoint_and_architecture_are_recorded(plain: Registry, work: Workplace) -> None:
    taken = take_image(plain.reference(NAME), (), work).image
    assert (taken.entrypoint, taken.architecture) == (("vllm", "serve"), "amd64")


def test_a_name_with_a_digest_is_known_by_the_manifest(plain: Registry, work: Workplace) -> None:
    first = take_image(plain.reference(NAME), (), work)
    again = take_image(f"{plain.reference(NAME)}@{first.image.manifest}", (), work)
    assert again.image.manifest == first.image.manifest
    assert {file.known_by for file in again.files} == {"manifest"}


@pytest.mark.parametrize("tag", ["", f":{NAME}"])
def test_registry_archive_and_daemon_give_the_same_image(
    plain: Registry, image: FakeImage, work: Workplace, other_work: Workplace, tag: str, tmp_path: Path
) -> None:
    target = f"docker-archive:{tmp_path / 'image.tar'}{tag}"
    copy("--src-tls-verify=false", f"docker://{plain.reference(NAME)}", target)
    served = take_image(plain.reference(NAME), (), work).image
    filed = archive.take_image(ImageSpec(NAME, "file", path="image.tar"), tmp_path, other_work.cache, unwatched)
    saved = cut(pieces(image.saved_by_24()), other_work.cache, lambda _: None)
    assert served.config == filed.image.config == image.id
    assert served.diff_ids == filed.image.diff_ids == tuple(layer.diff_id for layer in saved.layers)
    assert served.versions == filed.image.versions == saved.versions
    assert served.entrypoint == filed.image.entrypoint == ("vllm", "serve")
    assert {layer.blob.sha256 for layer in saved.layers} <= {file.sha256 for file in filed.files}


def test_dockers_own_media_types_do_as_well(plain: Registry, image: FakeImage, work: Workplace, tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "layout", [(image, "amd64")])
    copy("--dest-tls-verify=false", "--format", "v2s2", f"oci:{layout}", f"docker://{plain.host}/docker/types:1")
    taken = take_image(plain.reference("docker/types:1"), (), work)
    manifest = json.loads(work.cache.path(taken.image.manifest.removeprefix("sha256:")).read_bytes())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert taken.image.diff_ids == tuple(f"sha256:{hex_digest(layer)}" for layer in image.layers)


def test_of_a_list_of_platforms_the_nodes_is_taken(
    plain: Registry, image: FakeImage, work: Workplace, tmp_path: Path
) -> None:
    arm = FakeImage((image.layers[1],), architecture="arm64")
    plain.push(write_layout(tmp_path / "layout", [(arm, "arm64"), (image, "amd64")]), "many/platforms:1")
    demand_whole(take_image(plain.reference("many/platforms:1"), (), work), image, work)


def test_a_list_without_the_nodes_platform_is_refused(plain: Registry, work: Workplace, tmp_path: Path) -> None:
    one, other = (FakeImage((b"\0" * 1024,), architecture=name) for name in ("arm64", "s390x"))
    plain.push(write_layout(tmp_path / "layout", [(one, "arm64"), (other, "s390x")]), "other/platforms:1")
    with pytest.raises(RefusedError, match="linux/arm64, linux/s390x"):
        take_image(plain.reference("other/platforms:1"), (), work)


def test_an_image_for_other_machines_is_refused_before_its_layers_come(
    plain: Registry, work: Workplace, tmp_path: Path
) -> None:
    image = FakeImage((b"\0" * 1024,), architecture="arm64")
    plain.push(write_layout(tmp_path / "layout", [(image, "arm64")]), "arm/only:1")
    with pytest.raises(RefusedError, match="linux/arm64"):
        take_image(plain.reference("arm/only:1"), (), work)
    assert not list(work.cache.folder.glob("sha256/*/*"))


@pytest.mark.parametrize("name", ["vllm/vllm-openai:none", "no/such:1"])
def test_a_name_that_is_not_there_says_what_to_look_at(plain: Registry, work: Workplace, name: str) -> None:
    with pytest.raises(UnreachableError, match="has no such image") as error:
        take_image(plain.reference(name), (), work)
    assert "skopeo list-tags" in error.value.hint


@pytest.mark.usefixtures("trusting")
def test_a_password_opens_a_private_registry_and_is_kept_nowhere(
    private: Registry, image: FakeImage, work: Workplace, told: list[str], tmp_path: Path
) -> None:
    log_in(tmp_path, private.host, auth=basic())
    taken = take_image(private.reference(NAME), (), work)
    demand_whole(taken, image, work)
    kept = everything_in(work.cache.folder) + repr((taken, told)).encode()
    assert PASSWORD.encode() not in kept
    assert basic().encode() not in kept


@pytest.mark.usefixtures("trusting")
def test_without_a_login_the_command_for_it_is_named(private: Registry, work: Workplace) -> None:
    with pytest.raises(UnreachableError, match="401") as error:
        take_image(private.reference(NAME), (), work)
    assert f"docker login {private.host}" in error.value.hint


@pytest.mark.usefixtures("trusting")
def test_a_wrong_password_is_refused_and_not_shown(private: Registry, work: Workplace, tmp_path: Path) -> None:
    log_in(tmp_path, private.host, auth=basic("wrong-one"))
    with pytest.raises(UnreachableError) as error:
        take_image(private.reference(NAME), (), work)
    assert "wrong-one" not in f"{error.value}{error.value.hint}"
    assert f"docker login {private.host}" in error.value.hint


@pytest.mark.usefixtures("trusting")
def test_a_credential_helper_is_run_as_docker_runs_it(
    private: Registry, image: FakeImage, work: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-tests"
    answer = json.dumps({"ServerURL": private.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f'#!/bin/sh\nread host\n[ "$1 $host" = "get {private.host}" ] || exit 1\necho \'{answer}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "docker/config.json").write_text(json.dumps({"credHelpers": {private.host: "tests"}}))
    demand_whole(take_image(private.reference(NAME), (), work), image, work)


def test_a_registry_is_vouched_for_by_the_authority_that_docker_has_for_it(
    private: Registry,
    image: FakeImage,
    certificates: Certificates,
    work: Workplace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the environment names another authority for all other hosts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificates(tmp_path / "other").authority))
    log_in(tmp_path, private.host, auth=basic())
    kept = tmp_path / "certs.d" / private.host
    kept.mkdir(parents=True)
    (kept / "ca.crt").write_bytes(certificates.authority.read_bytes())
    taken = take_image(private.reference(NAME), (), work, OnThisMachine(certificates=tmp_path / "certs.d"))
    demand_whole(taken, image, work)


def test_the_authority_of_one_registry_vouches_for_no_other(
    private: Registry, certificates: Certificates, work: Workplace, tmp_path: Path
) -> None:
    kept = tmp_path / "certs.d/127.0.0.1:1"
    kept.mkdir(parents=True)
    (kept / "ca.crt").write_bytes(certificates.authority.read_bytes())
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        take_image(private.reference(NAME), (), work, OnThisMachine(certificates=tmp_path / "certs.d"))


def test_a_certificate_that_nobody_vouches_for_is_refused(private: Registry, work: Workplace) -> None:
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        take_image(private.reference(NAME), (), work)


@pytest.mark.parametrize(
    "entry", [{"auth": basic()}, {"auth": "", "identitytoken": tokens.IDENTITY}], ids=["password", "identity token"]
)
def test_a_token_is_fetched_where_the_registry_sends_us(
    entry: dict[str, str], image: FakeImage, certificates: Certificates, work: Workplace, tmp_path: Path
) -> None:
    with tokens.token_server(certificates) as server:
        folder = tmp_path / "registry"
        auth = tokens.auth_config(server, certificates.authority)
        with registry(folder, auth) as one:
            server.actions = ("pull", "push")
            layout = write_layout(folder / "layout", [(image, "amd64")])
            one.push(layout, NAME, "--dest-creds", f"{USER}:{PASSWORD}")
            server.actions, server.given = ("pull",), []
            log_in(tmp_path, one.host, **entry)
            taken = take_image(one.reference(NAME), (), work)
        demand_whole(taken, image, work)
        kept = everything_in(work.cache.folder) + repr(taken).encode()
        assert len(server.given) == 1
        assert not any(secret.encode() in kept for secret in (*server.given, PASSWORD, tokens.IDENTITY))


def test_without_a_login_a_token_server_is_named(certificates: Certificates, work: Workplace, tmp_path: Path) -> None:
    with tokens.token_server(certificates) as server:
        auth = tokens.auth_config(server, certificates.authority)
        with (
            registry(tmp_path / "registry", auth) as one,
            pytest.raises(UnreachableError, match="answered 401") as error,
        ):
            take_image(one.reference(NAME), (), work)
    assert f"docker login {one.host}" in error.value.hint
