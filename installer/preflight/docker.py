"""Whether the node's docker, or the bundle's, will start the cluster's container."""

from collections.abc import Iterator

from installer.facts.docker import Program
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.situation import OUR_BINARIES, Situation, dotted, release_of

# Older ones lack clone3 in their seccomp profile: threads of newer images fail (containerd#6203).
_LEAST_DOCKER = (20, 10, 10)
_LEAST_TOOLKIT = (1, 17, 8)  # CVE-2025-23266 and CVE-2025-23267 are fixed from here on


def docker(at: Situation) -> Iterator[Finding]:
    if at.facts.docker.dockerd is None and at.index.docker is None:
        yield problem("docker", "there is no docker, and the bundle has none", "build the bundle with `docker:`")


def version(at: Situation) -> Iterator[Finding]:
    own = nodes_own_docker(at)
    if own and release_of(own.version) < _LEAST_DOCKER:
        yield problem(
            "docker-version",
            f"{own.path}{_of(own)} is docker {own.version or 'of no known version'}, older than "
            f"{dotted(_LEAST_DOCKER)}, where newer images cannot start threads",
            f"{_removal(at, own)}, then run the same command again: the bundle brings its own"
            if at.index.docker
            else "install a newer docker",
        )


def snap(at: Situation) -> Iterator[Finding]:
    """Its confinement hides the GPUs (nvidia-docker#1637)."""
    if (own := nodes_own_docker(at)) and own.path.startswith("/snap/"):
        yield problem("docker-snap", f"{own.path} is docker as a snap, which cannot give GPUs", "snap remove docker")


def silent(at: Situation) -> Iterator[Finding]:
    if at.facts.docker.dockerd and at.facts.docker.error:
        yield warning(
            "docker-silent",
            f"docker is there and does not answer: {at.facts.docker.error}",
            "an install starts it; journalctl -u docker tells why it is down",
        )


def containerd(at: Situation) -> Iterator[Finding]:
    if found := at.foreign_containerd:
        yield problem(
            "containerd",
            f"{found} is this node's own containerd, whose place the bundle's docker would take",
            "install a docker that uses it, or remove it, then run the same command again",
        )


def kubelet(at: Situation) -> Iterator[Finding]:
    if at.facts.docker.kubelet:
        yield warning(
            "kubelet",
            "kubelet runs on this node: its pods can take the GPUs, and end where an install restarts docker",
            "kubectl drain NODE, then: systemctl disable --now kubelet",
        )


def container_name(at: Situation) -> Iterator[Finding]:
    for found in at.facts.docker.containers:
        if found.name == at.container and not found.label:
            yield problem(
                "container-name",
                f"a container named {found.name} is not ours (image {found.image}, {found.state})",
                f"docker rename {found.name} OTHER-NAME, or: docker rm -f {found.name}",
            )


def cgroup_driver(at: Situation) -> Iterator[Finding]:
    """Toolkit issue 48: systemd then takes from running containers the devices that it does not know of."""
    if nodes_own_docker(at) and at.facts.docker.cgroup_driver == "systemd":
        yield warning(
            "cgroup-driver",
            "this node's docker uses the cgroup driver systemd: after any `systemctl daemon-reload` by others the "
            "running container loses its GPUs (Failed to initialize NVML: Unknown Error)",
            'after each: systemctl restart vllm-airgap-node; or for good "exec-opts": '
            '["native.cgroupdriver=cgroupfs"] in /etc/docker/daemon.json',
        )


def toolkit(at: Situation) -> Iterator[Finding]:
    version = at.index.toolkit.version if at.index.toolkit else _present_version(at.facts.docker.toolkit)
    if version and release_of(version) < _LEAST_TOOLKIT:
        yield warning(
            "toolkit",
            f"NVIDIA container toolkit {version} lets a container take over its node (CVE-2025-23266)",
            f"{dotted(_LEAST_TOOLKIT)} or newer, by `toolkit:` of the manifest",
        )


def nodes_own_docker(at: Situation) -> Program | None:
    """The docker that came from elsewhere, which an install uses and never overlays."""
    found = at.facts.docker.dockerd
    return found if found and found.path != f"{OUR_BINARIES}/dockerd" else None


def _of(program: Program) -> str:
    return f" of package {program.owner}" if program.owner else ""


def _removal(at: Situation, own: Program) -> str:
    if not own.owner:
        return f"stop and remove that docker ({own.path})"
    return f"apt-get remove {own.owner}" if at.is_debian else f"rpm -e {own.owner}"


def _present_version(program: Program | None) -> str:
    return program.version if program else ""
