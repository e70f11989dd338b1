"""A docker daemon: its images, containers and runtimes, and the client's commands on them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from installer.sight import Output
from tests.fakes.changes import Changes

_DAEMON_JSON = "etc/docker/daemon.json"
_ALL = ("--no-trunc", "--format", "{{json .}}")
_ID_AND_LAYERS = '{"id": {{json .Id}}, "layers": {{json .RootFS.Layers}}}'


def _refused(why: str) -> Output:
    return Output(1, "", f"Error response from daemon: {why}\n")


@dataclass(frozen=True)
class FakeImage:
    image_id: str
    layers: tuple[str, ...]


@dataclass
class FakeContainer:
    image: str
    command: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    has_gpus: bool = True
    on_end: Callable[[], None] = lambda: None


@dataclass
class FakeDocker:
    """``inside`` runs a command in a container; ``stores_manifests`` names images as docker 29 does.

    A daemon that ``hangs`` answers nothing until the client is killed.
    """

    root: Path
    changes: Changes
    finds: Callable[[str], str | None]
    inside: Callable[[tuple[str, ...]], Output]
    stores_manifests: bool = False
    running_version: str = ""
    runtimes: tuple[str, ...] = ()
    has_gpu_hook: bool = False
    hangs: bool = False
    cgroup_driver: str = "systemd"
    images: dict[str, FakeImage] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    containers: dict[str, FakeContainer] = field(default_factory=dict)

    def start(self) -> str:
        """The daemon reads daemon.json and looks for NVIDIA's hook now and never again."""
        program = self.finds("dockerd")
        assert program, "dockerd"
        try:
            settings = json.loads((self.root / _DAEMON_JSON).read_bytes())
        except FileNotFoundError:
            settings = {}
        except ValueError:
            return "failed"
        self.running_version = (self.root / program.lstrip("/")).read_text().split()[-1]
        self.runtimes = ("runc", *settings.get("runtimes", {}))
        self.has_gpu_hook = self.finds("nvidia-container-runtime-hook") is not None
        return "active"

    def stop(self) -> None:
        self.running_version = ""
        self.containers.clear()

    def lose_gpus(self) -> None:
        for container in self.containers.values():
            container.has_gpus = False

    def command(self, arguments: tuple[str, ...], stdin: Iterable[bytes] | None) -> Output:
        if self.hangs:
            return Output(-9, "", "\nno answer in 10 s")
        if not self.running_version:
            return Output(1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n")
        looks: dict[tuple[str, ...], Callable[..., Output]] = {
            ("version", "--format"): self._version,
            ("info", "--format"): self._info,
            ("image", "inspect"): self._inspect_image,
            ("image", "ls"): self._list_images,
            ("ps", "--all"): self._list_containers,
            ("container", "inspect"): self._inspect_container,
        }
        if look := looks.get(arguments[:2]):
            return look(*arguments[2:])
        if arguments[0] == "exec":
            return self._exec([word for word in arguments[1:] if not word.startswith("--env=")])
        return self._change(arguments, stdin)

    def _change(self, arguments: tuple[str, ...], stdin: Iterable[bytes] | None) -> Output:
        self.changes.about_to(f"docker {' '.join(arguments[:2])}")
        if arguments == ("load", "--quiet"):
            assert stdin is not None
            return self._load(b"".join(stdin))
        changes: dict[str, Callable[..., Output]] = {
            "tag": self._tag,
            "rmi": self._untag,
            "rm": self._remove,
            "stop": self._remove,
            "run": self._run,
        }
        return changes[arguments[0]](*arguments[1:])

    def _tag(self, name: str, tag: str) -> Output:
        self.tags[tag] = self.images[name].image_id
        return Output(0, "", "")

    def _untag(self, tag: str) -> Output:
        """The last name of an image takes it along, unless a container needs it."""
        if tag not in self.tags:
            return _refused(f"No such image: {tag}")
        image_id = self.tags[tag]
        if list(self.tags.values()).count(image_id) == 1:
            if any(container.image == image_id for container in self.containers.values()):
                return _refused(f"conflict: unable to delete {tag} (cannot be forced) - container is using it")
            del self.images[image_id]
        del self.tags[tag]
        return Output(0, f"Untagged: {tag}\n", "")

    def _list_images(self, *words: str) -> Output:
        assert words[:-1] == ("--no-trunc", "--format", "{{.Tag}} {{.ID}}"), words
        named = [(tag.rpartition(":"), image_id) for tag, image_id in self.tags.items()]
        rows = [f"{tag} {image_id}\n" for (name, _, tag), image_id in named if name == words[-1]]
        return Output(0, "".join(rows), "")

    def _list_containers(self, *words: str) -> Output:
        if words == _ALL:
            return Output(0, "".join(self._row(name) for name in self.containers), "")
        assert words[:-1] == ("--quiet", "--filter"), words
        image_id = words[-1].removeprefix("ancestor=")
        using = [name for name, container in self.containers.items() if container.image == image_id]
        return Output(0, "".join(f"{name}\n" for name in using), "")

    def _row(self, name: str) -> str:
        container = self.containers[name]
        tags = [tag for tag, image_id in self.tags.items() if image_id == container.image]
        labels = ",".join(f"{label}={value}" for label, value in container.labels.items())
        image = tags[0] if tags else container.image
        return json.dumps({"Names": name, "Image": image, "Labels": labels, "State": "running"}) + "\n"

    def _remove(self, *words: str) -> Output:
        """Both of `rm -f NAME` and `stop -t 60 NAME`, as our containers are run with --rm."""
        assert words[:-1] in {("-f",), ("-t", "60")}, words
        self.containers.pop(words[-1]).on_end()
        return Output(0, f"{words[-1]}\n", "")

    def _version(self, template: str) -> Output:
        assert template == "{{.Server.Version}}", template
        return Output(0, f"{self.running_version}\n", "")

    def _info(self, template: str) -> Output:
        runtimes: dict[str, object] = {name: {} for name in self.runtimes}
        if template == "{{json .}}":
            return Output(0, json.dumps(self._about() | {"Runtimes": runtimes}) + "\n", "")
        assert template == "{{json .Runtimes}}", template
        return Output(0, json.dumps(runtimes), "")

    def _about(self) -> dict[str, object]:
        return {
            "ServerVersion": self.running_version,
            "DockerRootDir": "/var/lib/docker",
            "Driver": "overlay2",
            "CgroupDriver": self.cgroup_driver,
        }

    def _find(self, name: str) -> FakeImage | None:
        return self.images.get(self.tags.get(name, name))

    def _inspect_image(self, _format: str, template: str, name: str) -> Output:
        image = self._find(name)
        if image is None:
            return _refused(f"No such image: {name}")
        if template == _ID_AND_LAYERS:
            return Output(0, json.dumps({"id": image.image_id, "layers": image.layers}) + "\n", "")
        assert template == "{{.Id}}", template
        return Output(0, f"{image.image_id}\n", "")

    def _inspect_container(self, _format: str, template: str, called: str) -> Output:
        name = next((name for name in self.containers if called in {name, id_of(name)}), called)
        container = self.containers.get(name)
        if container is None:
            return Output(1, "\n", f"Error: No such container: {name}\n")
        if template == "{{.Name}}":
            return Output(0, f"/{name}\n", "")
        if template == "{{.State.Running}}":
            return Output(0, "true\n", "")
        label = template.removeprefix('{{index .Config.Labels "').removesuffix('"}}')
        assert template == f'{{{{index .Config.Labels "{label}"}}}}', template
        return Output(0, f"{container.labels.get(label, '')}\n", "")

    def _exec(self, words: list[str]) -> Output:
        name, *command = words
        if name not in self.containers:
            return _refused(f"No such container: {name}")
        return self.inside(tuple(command))

    def _load(self, archive: bytes) -> Output:
        """Like docker, read all of the archive before anything is stored."""
        try:
            with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
                files = {member.name: _content(members, member) for member in members}
            image = self._image(files)
        except (tarfile.ReadError, KeyError, ValueError) as error:
            return _refused(f"{error}")
        self.images[image.image_id] = image
        return Output(0, f"Loaded image ID: {image.image_id}\n", "")

    def _image(self, files: dict[str, bytes]) -> FakeImage:
        (description,) = json.loads(files["manifest.json"])
        config = files[description["Config"]]
        diff_ids = tuple(json.loads(config)["rootfs"]["diff_ids"])
        layers = tuple(digest_of(gzip.decompress(files[name])) for name in description["Layers"])
        if layers != diff_ids:
            raise ValueError("invalid diffID for layer")
        named = json.loads(files["index.json"])["manifests"][0]["digest"]
        return FakeImage(named if self.stores_manifests else digest_of(config), layers)

    def _run(self, *words: str) -> Output:
        options = words[: words.index("--entrypoint")]
        program, image_id, *arguments = words[words.index("--entrypoint") + 1 :]
        name = options[options.index("--name") + 1]
        if name in self.containers:
            return _refused(f'Conflict. The container name "/{name}" is already in use')
        if image_id not in self.images:
            return _refused(f"No such image: {image_id}")
        if "--gpus" in options and not self.has_gpu_hook:
            return _refused('could not select device driver "" with capabilities: [[gpu]].')
        for source in _values(options, "--mount", "source"):
            if not ((self.root / source.lstrip("/")).exists() or Path(source).is_file()):
                return _refused(f"invalid mount config: bind source path does not exist: {source}")
        labels = dict(option.split("=", 1) for before, option in pairwise(options) if before == "--label")
        self.containers[name] = FakeContainer(image_id, (program, *arguments), labels)
        return Output(0, "", "")


def id_of(name: str) -> str:
    """Of the container with that name."""
    return hashlib.sha256(name.encode()).hexdigest()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    reader: Any = archive.extractfile(member)
    content: bytes = reader.read()
    if len(content) != member.size:
        raise ValueError("unexpected EOF")
    return content


def _values(options: tuple[str, ...], option: str, key: str) -> list[str]:
    fields = [word.split(",") for before, word in pairwise(options) if before == option]
    return [field.removeprefix(f"{key}=") for found in fields for field in found if field.startswith(f"{key}=")]
