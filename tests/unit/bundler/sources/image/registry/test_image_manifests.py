import json
from typing import Any

import pytest

from bundler.sources.image.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from bundler.sources.image.registry.image_manifests import choose, is_list, kind_of, read_manifest
from installer.errors import DamagedError, RefusedError

IMAGE = "docker.io/vllm/vllm-openai:v1"
GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def entry(letter: str, system: str = "linux", architecture: str = "amd64", **more: object) -> dict[str, object]:
    platform = {"os": system, "architecture": architecture}
    return {"mediaType": OCI_MANIFEST, "digest": digest(letter), "size": 500, "platform": platform, **more}


def index(*entries: dict[str, object]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def manifest(*layers: dict[str, object], **changes: object) -> bytes:
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest("c"), "size": 100},
        "layers": layers or (layer(),),
        **changes,
    }
    return json.dumps(document).encode()


def layer(media_type: str = GZIP_LAYER, **changes: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest("a"), "size": 1000, **changes}


ATTESTATION = entry("9", "unknown", "unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"})


def test_the_nodes_platform_is_chosen() -> None:
    assert choose(index(entry("1", architecture="arm64"), entry("2"), ATTESTATION), IMAGE) == digest("2")


def test_an_attestation_that_pretends_to_be_an_image_is_not_chosen() -> None:
    pretending = entry("1", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    assert choose(index(pretending, entry("2")), IMAGE) == digest("2")


@pytest.mark.parametrize("variant", ["v1", ""])
def test_what_runs_on_every_processor_comes_before_what_runs_on_newer_ones(variant: str) -> None:
    plain = {"os": "linux", "architecture": "amd64", "variant": variant}
    newer = [entry(letter, platform={**plain, "variant": f"v{letter}"}) for letter in "432"]
    assert choose(index(*newer, entry("a", platform=plain)), IMAGE) == digest("a")
    assert choose(index(*newer), IMAGE) == digest("2")
    assert choose(index(*newer, entry("a")), IMAGE) == digest("a")


NAMELESS = entry("1", platform=None)
INCOMPLETE = entry("3", platform={"os": "linux"})
SIGNATURE = entry("4", artifactType="application/vnd.dev.sigstore.bundle.v0.3+json")
CHART = {"mediaType": "application/x.chart", "digest": f"sha512:{'a' * 128}", "size": 1, "platform": {}}


@pytest.mark.parametrize("other", [NAMELESS, INCOMPLETE, SIGNATURE, CHART, entry("5", platform="linux")])
def test_one_that_says_less_spoils_no_list(other: dict[str, object]) -> None:
    assert choose(index(other, entry("2")), IMAGE) == digest("2")


@pytest.mark.parametrize(
    "entries",
    [
        (NAMELESS,),
        (entry("2", architecture="arm64"), ATTESTATION, SIGNATURE, NAMELESS),
        ({"mediaType": OCI_INDEX, "digest": digest("1"), "size": 3},),
    ],
)
def test_the_only_one_without_a_platform_is_looked_at(entries: tuple[dict[str, object], ...]) -> None:
    assert choose(index(*entries), IMAGE) == digest("1")


def test_of_two_without_a_platform_none_is_guessed() -> None:
    with pytest.raises(RefusedError, match=r"it has linux/arm64, 2 of unknown platform"):
        choose(index(entry("2", architecture="arm64"), NAMELESS, INCOMPLETE), IMAGE)


def test_an_image_that_names_its_configuration_in_the_list_is_still_one() -> None:
    named = entry("1", artifactType="application/vnd.oci.image.config.v1+json")
    assert choose(index(named), IMAGE) == digest("1")


def test_a_missing_platform_is_refused_with_what_there_is() -> None:
    there = index(entry("1", architecture="arm64"), entry("2", "windows"), ATTESTATION)
    with pytest.raises(RefusedError, match=r"no image for linux/amd64.*linux/arm64, windows/amd64") as error:
        choose(there, IMAGE)
    assert "unknown" not in str(error.value)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(RefusedError, match="none at all"):
        choose(index(ATTESTATION), IMAGE)


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST])
def test_what_a_document_is_it_says_itself(media_type: str) -> None:
    body = manifest(mediaType=media_type)
    assert kind_of(body, f"{media_type}; charset=utf-8", IMAGE) == media_type
    assert kind_of(body, "application/json", IMAGE) == media_type
    assert is_list(media_type) == (media_type in {OCI_INDEX, DOCKER_LIST})


def test_where_it_does_not_say_the_server_does() -> None:
    body = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    assert kind_of(body, OCI_INDEX, IMAGE) == OCI_INDEX


def test_a_document_that_is_two_things_is_refused() -> None:
    with pytest.raises(DamagedError, match="was served as"):
        kind_of(manifest(), OCI_INDEX, IMAGE)


@pytest.mark.parametrize("served", ["", "application/json; charset=utf-8", "text/plain", "application/octet-stream"])
def test_where_neither_says_its_members_do(served: str) -> None:
    assert kind_of(json.dumps({"schemaVersion": 2, "manifests": []}).encode(), served, IMAGE) == OCI_INDEX
    assert kind_of(without_media_type(manifest()), served, IMAGE) == OCI_MANIFEST
    with pytest.raises(RefusedError, match="is no image"):
        kind_of(b'{"schemaVersion": 2}', served, IMAGE)


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST, "application/json"])
def test_list_and_image_in_one_are_damage(media_type: str) -> None:
    both = manifest(manifests=[entry("1")])
    for body in (both, without_media_type(both)):
        with pytest.raises(DamagedError, match="both a list and an image"):
            kind_of(body, media_type, IMAGE)


def without_media_type(body: bytes) -> bytes:
    return json.dumps({key: value for key, value in json.loads(body).items() if key != "mediaType"}).encode()


@pytest.mark.parametrize("body", [b'{"schemaVersion": 1, "name": "x"}', b"{}"])
def test_the_form_of_2014_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RefusedError, match="schema 1"):
        kind_of(body, "application/vnd.docker.distribution.manifest.v1+prettyjws", IMAGE)


def test_what_is_no_image_is_refused_in_words() -> None:
    with pytest.raises(RefusedError, match=r"is no image, but application/x\.chart"):
        kind_of(manifest(mediaType="application/x.chart"), "application/json", IMAGE)
    config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest("c"), "size": 1}
    with pytest.raises(RefusedError, match=r"no image that runs, but application/vnd\.cncf\.helm"):
        read_manifest(manifest(config=config), OCI_MANIFEST, IMAGE)


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b"\xff", b"[" * 100_000, b'{"a": 1, "a": 2}'])
def test_a_page_in_its_place_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedError):
        kind_of(body, OCI_MANIFEST, IMAGE)


def test_a_manifest_is_kept_as_it_is() -> None:
    body = manifest(layer(), layer(digest=digest("b"), size=7))
    read = read_manifest(body, OCI_MANIFEST, IMAGE)
    assert read.body == body
    assert read.config.sha256 == "c" * 64
    assert [(one.sha256, one.size) for one in read.layers] == [("a" * 64, 1000), ("b" * 64, 7)]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (layer("application/vnd.oci.image.layer.v1.tar+zstd"), "layer 1 is compressed with zstd"),
        (layer("application/vnd.docker.image.rootfs.diff.tar.zstd"), "layer 1 is compressed with zstd"),
        (layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "licence"),
        (layer("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), "licence"),
        (layer(urls=["https://example.com/layer"]), "licence"),
        (layer("application/vnd.in-toto+json"), "in-toto"),
        (layer(digest=f"sha512:{'a' * 128}"), "only sha256"),
    ],
)
def test_a_layer_that_no_node_could_load_is_refused(one: dict[str, object], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read_manifest(manifest(layer(), one), OCI_MANIFEST, IMAGE)


def test_an_image_without_layers_is_refused() -> None:
    with pytest.raises(RefusedError, match="no layers"):
        read_manifest(manifest(layers=[]), OCI_MANIFEST, IMAGE)


@pytest.mark.parametrize("size", [-1, "7", None, 1 << 60])
def test_a_size_must_be_one(size: object) -> None:
    with pytest.raises(DamagedError, match="size"):
        read_manifest(manifest(layer(size=size)), OCI_MANIFEST, IMAGE)
