"""Takes an image from a registry: its manifest as it is there, its layers as they are served, every digest checked."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeVar

from bundler.cache import Stored
from bundler.http.client import Answer, Client
from bundler.http.transfer import ANOTHER_MAY_DO
from bundler.lock import LockedFile, LockedImage
from bundler.needs import Coming
from bundler.sources.image.configuration import Configuration, read_configuration
from bundler.sources.image.inside import fold
from bundler.sources.image.layers.unpacked import LayerRead
from bundler.sources.image.layout import Kept, Layer, Origin, Parts, lay_out
from bundler.sources.image.registry.endpoints import HERE, Endpoint, Endpoints, OnThisMachine, endpoints_for
from bundler.sources.image.registry.image_manifests import (
    ACCEPTED,
    ServedManifest,
    choose,
    is_list,
    kind_of,
    read_manifest,
)
from bundler.sources.image.registry.layer_fetching import fetch_layers, take_layers
from bundler.sources.image.registry.reference import Reference, parse_reference
from bundler.workplace import Workplace
from installer.errors import DamagedError, RefusedError, UnreachableError

_LARGEST_MANIFEST = 4 << 20  # bytes, the specification's own limit
_LARGEST_CONFIG = 16 << 20  # bytes
_DEEPEST_LIST = 2  # a list in a list
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
_TOO_MANY = "answered 429"
_FEW_PULLS = 5
_MORE_PULLS = "`docker login` allows more, and `image.mirrors` names others to ask"
_SHA256 = "sha256:"
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Got:
    body: bytes
    media_type: str


@dataclass(frozen=True)
class _Told:
    """What ``by`` says that the reference means."""

    manifest: ServedManifest
    by: Endpoint


@dataclass(frozen=True)
class AskedImage:
    """An image of which no more than the manifest has come: ``blobs`` is what ``take`` will fetch."""

    blobs: tuple[Coming, ...]
    take: Callable[[], LockedImage]


def take_image(text: str, mirrors: Sequence[str], work: Workplace, machine: OnThisMachine = HERE) -> LockedImage:
    """Into the cache. What is there already is neither fetched nor read again."""
    return ask_image(text, mirrors, work, machine).take()


def ask_image(text: str, mirrors: Sequence[str], work: Workplace, machine: OnThisMachine = HERE) -> AskedImage:
    reference = parse_reference(text)
    pull = _Pull(reference, endpoints_for(reference, mirrors, work.client, machine), work)
    told = pull.ask_manifest()
    blobs = tuple(_coming(blob, pull.endpoints.own) for blob in (told.manifest.config, *told.manifest.layers))
    return AskedImage(blobs, lambda: _take_told(text, reference, pull, told))


def _coming(blob: Stored, at: Endpoint) -> Coming:
    return Coming(f"image/blobs/sha256/{blob.sha256}", blob.size, blob.sha256, at.blob_url(blob.sha256))


def _take_told(text: str, reference: Reference, pull: "_Pull", told: _Told) -> LockedImage:
    pinned = reference.at(_digest(told.manifest.body))
    # A digest is checked, whoever gives the bytes; what a tag means is believed.
    is_by_mirror = not reference.digest and told.by != pull.endpoints.own
    remark = f", as {told.by.host.name} said" if is_by_mirror else ""
    known_by = "manifest" if reference.digest else "mirror" if is_by_mirror else "registry"
    parts = pull.parts(told.manifest)
    found = lay_out(parts, Origin(text, f"registry image {pinned}{remark}", known_by), pull.work.cache)
    files = tuple(_with_url(file, told.manifest, pull.endpoints.own) for file in found.files)
    return replace(found, files=files, pinned=str(pinned))


def take_locked(pinned: str, mirrors: Sequence[str], work: Workplace, machine: OnThisMachine = HERE) -> None:
    """The bytes of what was locked, into an empty cache: its tag may mean another image now, and nothing is unpacked.

    ``pinned`` is what the lock holds of that name.
    """
    reference = parse_reference(pinned)
    pull = _Pull(reference, endpoints_for(reference, mirrors, work.client, machine), work)
    lay_out(pull.locked_parts(pull.ask_manifest().manifest), Origin("", "", ""), work.cache)


def endpoints_of(text: str, mirrors: Sequence[str], client: Client, machine: OnThisMachine = HERE) -> Endpoints:
    """Where the locked layers can be asked for."""
    return endpoints_for(parse_reference(text), mirrors, client, machine)


def _with_url(file: LockedFile, manifest: ServedManifest, at: Endpoint) -> LockedFile:
    """Blobs can be asked for by their digests alone; what else there is, is made from the manifest."""
    blobs = {blob.sha256 for blob in (manifest.config, *manifest.layers)}
    return replace(file, url=at.blob_url(file.sha256)) if file.sha256 in blobs else file


class _Pull:
    """One image on its way."""

    def __init__(self, reference: Reference, endpoints: Endpoints, work: Workplace) -> None:
        self._reference = reference
        self._image = str(reference)
        self.endpoints = endpoints
        self.work = work

    def parts(self, manifest: ServedManifest) -> Parts:
        config = self._config(manifest.config)
        configuration = read_configuration(config)
        configuration.demand_platform()
        read = take_layers(self._image, manifest.layers, self.endpoints, self.work)
        _compare(self._image, configuration, read)
        inside = fold(configuration, [one.contents for one in read])
        return Parts(
            config=config,
            layers=tuple(Layer(one.diff_id, blob) for one, blob in zip(read, manifest.layers, strict=True)),
            versions=inside.versions,
            manifest=Kept(manifest.media_type, manifest.body),
            requires=inside.requirements,
        )

    def locked_parts(self, manifest: ServedManifest) -> Parts:
        """Of an image that was looked through when it was locked: what was found in it stands in the lock."""
        config = self._config(manifest.config)
        fetch_layers(self._image, manifest.layers, self.endpoints, self.work)
        pairs = zip(read_configuration(config).diff_ids, manifest.layers, strict=True)
        layers = tuple(Layer(diff_id, blob) for diff_id, blob in pairs)
        return Parts(config, layers, {}, Kept(manifest.media_type, manifest.body))

    def ask_manifest(self) -> _Told:
        return self._ask(lambda at: _Told(self._manifest_from(at), at))

    def _manifest_from(self, at: Endpoint) -> ServedManifest:
        got = self._get(at, self._reference.wanted)
        for _ in range(_DEEPEST_LIST):
            if is_list(got.media_type):
                got = self._get(at, choose(got.body, self._image))
        if is_list(got.media_type):
            raise RefusedError(f"{self._image}: its list of platforms leads from list to list to list")
        return read_manifest(got.body, got.media_type, self._image)

    def _config(self, config: Stored) -> bytes:
        if config.sha256 in self.work.cache:
            known = self.work.cache.path(config.sha256).read_bytes()
            if hashlib.sha256(known).hexdigest() == config.sha256:
                return known
        return self._ask(lambda at: self._config_from(at, config))

    def _config_from(self, at: Endpoint, config: Stored) -> bytes:
        answer = self._answer(at, at.blob_url(config.sha256), _LARGEST_CONFIG)
        _demand_digest(answer, f"{_SHA256}{config.sha256}", at)
        return answer.body

    def _get(self, at: Endpoint, wanted: str) -> _Got:
        answer = self._answer(at, at.manifest_url(wanted), _LARGEST_MANIFEST)
        self._tell_pulls_left(answer, at)
        said = answer.headers.get("Docker-Content-Digest", "")
        for expected in (said, wanted):
            if expected.startswith(_SHA256):
                _demand_digest(answer, expected, at)
        return _Got(answer.body, kind_of(answer.body, answer.headers.get("Content-Type", ""), self._image))

    def _answer(self, at: Endpoint, url: str, limit: int) -> Answer:
        answer = self.work.client.get(
            url, self._image, credentials=self.endpoints.credentials, accept=ACCEPTED, limit=limit
        )
        if answer.status == _OK:
            return answer
        raise self._unanswered(answer.status, at)

    def _ask(self, question: Callable[[Endpoint], _Result]) -> _Result:
        """The mirrors first; one that fails is not asked again. What the image's own registry says is final."""
        while len(self.endpoints.each) > 1:
            mirror, *others = self.endpoints.each
            try:
                return question(mirror)
            except ANOTHER_MAY_DO as error:
                self.work.tell(f"{mirror.host.name}: {error}; asking {others[0].host.name}")
                self.endpoints = replace(self.endpoints, each=tuple(others))
        (own,) = self.endpoints.each
        try:
            return question(own)
        except UnreachableError as error:
            raise _with_limit_explained(error, own) from error

    def _tell_pulls_left(self, answer: Answer, at: Endpoint) -> None:
        """Docker Hub counts: `ratelimit-remaining: 76;w=21600`."""
        left, _, window = answer.headers.get("ratelimit-remaining", "").partition(";w=")
        if left.isdecimal() and window.isdecimal() and int(left) <= _FEW_PULLS:
            self.work.tell(
                f"{at.host.name}: {left} more pulls are allowed in {int(window) // 3600} hours; {_MORE_PULLS}"
            )

    def _unanswered(self, status: int, at: Endpoint) -> UnreachableError:
        if status == _NOT_FOUND:
            return UnreachableError(
                f"{self._image}: {at.host.name} has no such image",
                hint=f"look at name and tag: skopeo list-tags docker://{at.host.name}/{at.repository}",
            )
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            return UnreachableError(
                f"{self._image}: {at.host.name} does not give it to who asks (status {status})",
                hint=f"docker login {at.host.name}; a name that does not exist may be answered the same way",
            )
        return UnreachableError(f"{self._image}: {at.host.name} answered {status}")


def _with_limit_explained(error: UnreachableError, at: Endpoint) -> UnreachableError:
    if _TOO_MANY not in str(error):
        return error
    return UnreachableError(
        f"{error}: {at.host.name} limits how often an address may pull",
        hint=f"wait some hours; {_MORE_PULLS}",
    )


def _demand_digest(answer: Answer, expected: str, at: Endpoint) -> None:
    found = _digest(answer.body)
    if found != expected:
        raise DamagedError(
            f"{at.host.name}: what it gives for {expected} is {found}",
            hint="a proxy or mirror changed it; take that host out of `image.mirrors`, or ask another one",
        )


def _digest(body: bytes) -> str:
    return f"{_SHA256}{hashlib.sha256(body).hexdigest()}"


def _compare(image: str, configuration: Configuration, read: Sequence[LayerRead]) -> None:
    """Docker would refuse to load it on the node."""
    for number, (said, found) in enumerate(zip_longest(configuration.diff_ids, (one.diff_id for one in read))):
        if said != found:
            raise DamagedError(
                f"{image}: layer {number} unpacks to {found}, its configuration says {said}",
                hint="the image was damaged before it was pushed; push it again, or name another",
            )
