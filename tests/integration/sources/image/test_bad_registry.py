"""A registry that cuts, lies, limits and forgets, and mirrors that do so too."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bundler.sources.image.registry.pulling import endpoints_of, take_image
from bundler.workplace import Workplace
from installer.errors import AirgapError, DamagedError, RefusedError, UnreachableError
from tests.fakes.web import Reply, Request, Web, serving
from tests.unit.bundler.sources.image.docker_save.docker_streams import FakeImage, hex_digest

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "vllm/vllm-openai:v0.7.0"
BASE = "/v2/vllm/vllm-openai"


def files_of(image: FakeImage) -> dict[str, bytes]:
    layers = [gzip.compress(layer, mtime=0) for layer in image.layers]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.docker.container.image.v1+json", image.config),
        "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer) for layer in layers],
    }
    manifest = json.dumps(document).encode()
    blobs = {f"{BASE}/blobs/sha256:{hex_digest(blob)}": blob for blob in (image.config, *layers)}
    return {**blobs, f"{BASE}/manifests/v0.7.0": manifest, f"{BASE}/manifests/sha256:{hex_digest(manifest)}": manifest}


def descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hex_digest(data)}", "size": len(data)}


@pytest.fixture
def web(image: FakeImage) -> Iterator[Web]:
    with serving(files_of(image)) as web:
        yield web


def reference(web: Web) -> str:
    return f"127.0.0.1:{web.server_port}/{NAME}"


def mirror(web: Web) -> str:
    return f"localhost:{web.server_port}"


def without_query(web: Web) -> None:
    """What is asked of a mirror says whose image it is."""
    for path in tuple(web.files):
        web.files[f"{path}?ns=127.0.0.1:{web.server_port}"] = web.files[path]


def layers_asked(web: Web) -> list[Request]:
    return [request for request in web.asked if "/blobs/" in request.path]


def test_over_a_line_that_breaks_all_the_time_the_same_bytes_come_once(
    web: Web, image: FakeImage, work: Workplace, other_work: Workplace
) -> None:
    good = take_image(reference(web), (), other_work)
    size, web.sent = web.sent, 0
    web.alter = lambda request, reply: replace(reply, cut=200_000) if "/blobs/" in request.path else reply
    assert take_image(reference(web), (), work) == good
    assert web.sent < size * 1.01 + 64_000 * len(layers_asked(web))


def test_a_token_that_expires_between_two_cuts_is_renewed(web: Web, image: FakeImage, work: Workplace) -> None:
    """As in a pull of hours: every answer of the registry makes the token worthless."""
    given: list[str] = []
    spent: set[str] = set()

    def alter(request: Request, reply: Reply) -> Reply:
        if request.path.startswith("/token"):
            given.append(f"token-{len(given)}")
            return Reply(200, body=json.dumps({"token": given[-1]}).encode())
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if shown not in given or shown in spent:
            challenge = f'Bearer realm="{web.url}/token",service="tests"'
            return Reply(401, {"www-authenticate": challenge}, b"{}")
        spent.add(shown)
        return replace(reply, cut=500_000) if "/blobs/" in request.path else reply

    web.alter = alter
    taken = take_image(reference(web), (), replace(work, jobs=1))
    assert taken.image.config == image.id
    assert len(given) > 6


def test_a_mirror_is_asked_first_and_told_whose_image_it_is(web: Web, image: FakeImage, work: Workplace) -> None:
    without_query(web)
    taken = take_image(reference(web), (mirror(web),), work)
    assert taken.image.config == image.id
    assert all(request.path.endswith(f"?ns=127.0.0.1:{web.server_port}") for request in web.asked)
    assert {request.headers["host"] for request in web.asked} == {mirror(web)}


def test_a_mirror_that_lacks_the_image_is_told_of_and_not_asked_again(
    web: Web, image: FakeImage, work: Workplace, told: list[str]
) -> None:
    taken = take_image(reference(web), (mirror(web),), work)
    assert taken.image.config == image.id
    assert [request.headers["host"] for request in web.asked].count(mirror(web)) == 1
    assert any("has no such image; asking 127.0.0.1" in line for line in told)


def test_a_mirror_cannot_put_another_image_in_the_place_of_a_digest(
    web: Web, image: FakeImage, work: Workplace
) -> None:
    digest = next(path for path in web.files if "/manifests/sha256:" in path).rpartition("/")[2]
    with serving({}) as other:
        other.alter = lambda _request, _reply: Reply(200, {"content-type": MANIFEST}, b'{"schemaVersion": 2, "a": 1}')
        taken = take_image(f"{reference(web)}@{digest}", (mirror(other),), work)
    assert taken.image.manifest == digest
    assert taken.image.config == image.id


BROKEN_MIRRORS = {
    "a login page": Reply(200, {"content-type": "text/html"}, b"<html>Please log in</html>"),
    "a chart": Reply(200, {"content-type": "application/json"}, b'{"schemaVersion": 2, "mediaType": "chart"}'),
    "half a manifest": Reply(200, {"content-type": MANIFEST}, b'{"schemaVersion": 2}'),
    "another digest": Reply(
        200, {"content-type": MANIFEST, "docker-content-digest": f"sha256:{'0' * 64}"}, b'{"schemaVersion": 2}'
    ),
    "a redirect into the clear": Reply(307, {"location": "ftp://127.0.0.1/"}),
    "an error": Reply(500, body=b"oops"),
}


@pytest.mark.parametrize("reply", BROKEN_MIRRORS.values(), ids=BROKEN_MIRRORS)
def test_a_broken_mirror_is_passed_over_and_told_of(
    web: Web, image: FakeImage, work: Workplace, told: list[str], reply: Reply
) -> None:
    with serving({}) as other:
        other.alter = lambda _request, _reply: reply
        assert take_image(reference(web), (mirror(other),), work).image.config == image.id
        assert any(line.startswith(f"{mirror(other)}: ") and "asking 127.0.0.1" in line for line in told)


def test_what_a_mirror_said_a_tag_means_is_not_said_in_the_publishers_name(web: Web, work: Workplace) -> None:
    without_query(web)
    taken = take_image(reference(web), (mirror(web),), work)
    assert {file.source for file in taken.files} == {f"registry image {taken.pinned}, as {mirror(web)} said"}
    by_digest = take_image(f"{reference(web)}@{taken.image.manifest}", (mirror(web),), work)
    assert {file.source for file in by_digest.files} == {f"registry image {taken.pinned}"}


def test_what_the_own_registry_said_needs_no_remark(web: Web, work: Workplace) -> None:
    taken = take_image(reference(web), (mirror(web),), work)
    assert {file.source for file in taken.files} == {f"registry image {taken.pinned}"}
    assert taken.pinned == f"{reference(web)}@{taken.image.manifest}"


def test_what_a_mirror_said_is_known_by_it(web: Web, work: Workplace, other_work: Workplace) -> None:
    without_query(web)
    assert {file.known_by for file in take_image(reference(web), (mirror(web),), work).files} == {"mirror"}
    assert {file.known_by for file in take_image(reference(web), (), other_work).files} == {"registry"}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Reply(404), UnreachableError, "the registry lacks a piece of the image"),
        (Reply(200, {}, b"x" * 100), DamagedError, "what the registry or a proxy gives is damaged"),
    ],
)
def test_a_blob_that_is_not_given_has_the_remedy_of_an_image(
    web: Web, work: Workplace, answer: Reply, kind: type[AirgapError], words: str
) -> None:
    layer = max((path for path in web.files if "/blobs/" in path), key=lambda path: len(web.files[path]))
    web.alter = lambda request, reply: answer if request.path == layer else reply
    with pytest.raises(kind) as caught:
        take_image(reference(web), (), work)
    assert caught.value.hint.startswith(words)
    assert "image.mirrors" in caught.value.hint


def test_a_lock_made_through_a_mirror_names_the_own_registry(web: Web, work: Workplace) -> None:
    without_query(web)
    taken = take_image(reference(web), (mirror(web),), work)
    urls = {file.url for file in taken.files if file.url}
    assert urls
    assert all(url.startswith(f"{web.url}{BASE}/blobs/") and "?" not in url for url in urls)


def test_the_own_registry_is_asked_last_though_it_stands_among_the_mirrors(web: Web, work: Workplace) -> None:
    without_query(web)
    own = f"127.0.0.1:{web.server_port}"
    taken = take_image(reference(web), (own, mirror(web)), work)
    assert {request.headers["host"] for request in web.asked} == {mirror(web)}
    assert all(file.url.startswith(web.url) for file in taken.files if file.url)


def test_a_manifest_other_than_its_header_says_is_damage(web: Web, work: Workplace) -> None:
    wrong = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
    web.alter = lambda _request, reply: reply.saying(docker_content_digest=wrong)
    with pytest.raises(DamagedError, match=wrong):
        take_image(reference(web), (), work)


def in_a_list(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the tag means, now in a list that does not say which platform it is of."""
    inner = files[f"{BASE}/manifests/v0.7.0"]
    entry = descriptor(json.loads(inner)["mediaType"], inner)
    outer = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    named = {f"{BASE}/manifests/{name}": outer for name in ("v0.7.0", f"sha256:{hex_digest(outer)}")}
    return {**files, **named}


def test_a_list_in_a_list_is_followed_and_no_deeper_one(image: FakeImage, work: Workplace) -> None:
    twice = in_a_list(in_a_list(files_of(image)))
    with serving(twice) as web:
        assert take_image(reference(web), (), work).image.config == image.id
    with serving(in_a_list(twice)) as web, pytest.raises(RefusedError, match="from list to list to list"):
        take_image(reference(web), (), work)


def test_the_configuration_tells_the_platform_where_the_list_does_not(image: FakeImage, work: Workplace) -> None:
    other = FakeImage(image.layers, extra={**image.extra, "architecture": "arm64"})
    with serving(in_a_list(files_of(other))) as web:
        with pytest.raises(RefusedError, match="arm64"):
            take_image(reference(web), (), work)
        assert len(layers_asked(web)) == 1


def test_a_damaged_layer_is_named_and_not_kept(web: Web, image: FakeImage, work: Workplace) -> None:
    large = max((path for path in web.files if "/blobs/" in path), key=lambda path: len(web.files[path]))
    good = web.files[large]
    web.files[large] = good[:-1] + bytes((good[-1] ^ 1,))
    with pytest.raises(DamagedError, match="layer"):
        take_image(reference(web), (), work)
    assert hex_digest(good) not in work.cache
    web.files[large] = good
    assert take_image(reference(web), (), work).image.config == image.id


def test_a_layer_that_is_not_the_configurations_is_refused(image: FakeImage, work: Workplace) -> None:
    """The digests of the registry fit, and docker would still refuse it on the node."""
    other = FakeImage((*image.layers[:-1], image.layers[1]), extra=image.extra)
    files, wrong = files_of(image), files_of(other)
    manifest = json.loads(files[f"{BASE}/manifests/v0.7.0"])
    manifest["layers"] = json.loads(wrong[f"{BASE}/manifests/v0.7.0"])["layers"]
    served = {**files, **wrong, f"{BASE}/manifests/v0.7.0": json.dumps(manifest).encode()}
    with serving(served) as web, pytest.raises(DamagedError, match="layer 4 unpacks to"):
        take_image(reference(web), (), work)


def test_a_limit_of_pulls_is_told_before_it_is_reached(web: Web, work: Workplace, told: list[str]) -> None:
    web.alter = lambda _request, reply: reply.saying(ratelimit_remaining="2;w=21600")
    take_image(reference(web), (), work)
    assert any("2 more pulls are allowed in 6 hours" in line and "docker login" in line for line in told)


def test_a_limit_of_pulls_that_is_reached_is_explained(web: Web, work: Workplace) -> None:
    web.alter = lambda _request, _reply: Reply(429, body=b'{"errors": [{"code": "TOOMANYREQUESTS"}]}')
    with pytest.raises(UnreachableError, match="limits how often") as error:
        take_image(reference(web), (), work)
    assert "docker login" in error.value.hint
    assert "image.mirrors" in error.value.hint


def test_a_login_page_in_place_of_a_manifest_is_named(web: Web, work: Workplace) -> None:
    web.alter = lambda _request, _reply: Reply(200, {"content-type": "text/html"}, b"<html>Please log in</html>")
    with pytest.raises(DamagedError, match="not JSON") as error:
        take_image(reference(web), (), work)
    assert "proxy" in error.value.hint


def test_a_password_does_not_follow_a_redirect_to_the_cdn(web: Web, image: FakeImage, work: Workplace) -> None:
    def alter(request: Request, reply: Reply) -> Reply:
        if request.headers["host"].startswith("localhost"):
            return reply
        if "authorization" not in request.headers:
            return Reply(401, {"www-authenticate": 'Basic realm="x"'}, b"")
        if "/blobs/" in request.path:
            return Reply(307, {"location": f"{web.other_url}{request.path}"}, b"")
        return reply

    web.alter = alter
    (work.cache.folder.parent / "docker/config.json").write_text(
        json.dumps({"auths": {f"127.0.0.1:{web.server_port}": {"auth": "bWU6cGFzc3dvcmQ="}}})
    )
    assert take_image(reference(web), (), work).image.config == image.id
    redirected = [request for request in web.asked if request.headers["host"].startswith("localhost")]
    assert len(redirected) == len(set(image.layers)) + 1
    assert not any("authorization" in request.headers for request in redirected)


def test_locked_layers_can_be_asked_for_again_by_who_may(web: Web, image: FakeImage, work: Workplace) -> None:
    taken = take_image(reference(web), (), work)
    urls = {file.url for file in taken.files if file.url}
    assert {url.removeprefix(web.url) for url in urls} == {path for path in web.files if "/blobs/" in path}
    assert endpoints_of(reference(web), (), work.client).credentials.headers(next(iter(urls))) == {}
