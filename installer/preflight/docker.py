"""Whether the node's docker, or the bundle's, will start the cluster's container."""

from collections.abc import Iterator

from installer.facts.docker import Program
from installer.hardware.releases import dotted
from installer.preflight.brought import brings
from installer.preflight.finding import Finding, problem, warning
from installer.preflight.situation import OUR_BINARIES, Need, Situation, release_of

# Older ones lack clone3 in their seccomp profile: threads of newer images fail (containerd#6203).
_LEAST_DOCKER = (20, 10, 10)
_LEAST_TOOLKIT = (1, 17, 8)  # CVE-2025-23266 and CVE-2025-23267 are fixed from here on
_OVERLAYS = ("", "overlay2", "overlayfs")  # storage drivers; the others use files where they lie
_PACKAGES = r"docker-ce|docker\.io|docker-engine|moby-engine|docker"  # that have dockerd, by who makes them
_NAMED = 8  # containers; of more the number is told


def docker(at: Situation) -> Iterator[Finding]:
    if at.facts.docker.dockerd is None and at.index.docker is None and not brings(at, _PACKAGES):
        yield problem("docker", "there is no docker, and the bundle has none", "build the bundle with `docker:`")


def version(at: Situation) -> Iterator[Finding]:
    own = nodes_own_docker(at)
    told = own.version or at.facts.docker.server if own else ""
    if own and not release_of(told):
        yield warning(
            "docker-version",
            f"{own.path}{_of(own)} does not tell its version; {dotted(_LEAST_DOCKER)} or newer is needed",
            f"{own.path} --version must answer; then look again: vllm-airgap preflight",
        )
    elif own and release_of(told) < _LEAST_DOCKER:
        yield problem(
            "docker-version",
            f"{own.path}{_of(own)} is docker {told}, older than {dotted(_LEAST_DOCKER)}, where newer images cannot "
            "start threads",
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


def restart(at: Situation) -> Iterator[Finding]:
    """Other people's containers end with docker, unless it has live-restore."""
    others = [found for found in at.facts.docker.containers if found.state == "running" and not found.label]
    reason = _restarts(at) if others else ""
    if reason:
        names = ", ".join(f"{found.name} ({found.image})" for found in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield warning(
            "docker-restart",
            f"docker restarts: {reason}; containers of others stop with it: {names}{more}",
            "install when they may stop; docker start NAME afterwards, for those without a restart policy",
        )


def _restarts(at: Situation) -> str:
    """Why an install stops docker, "" where it does not."""
    has, found = at.facts.docker.toolkit, at.facts.docker
    if at.index.docker and found.dockerd and not nodes_own_docker(at):
        if found.dockerd.version != at.index.docker.version:
            return f"the bundle's {at.index.docker.version} takes the place of {found.dockerd.version or 'it'}"
        if not any(container.label for container in found.containers):
            return "the bundle's units and settings take the place of its own"
    if at.index.toolkit and release_of(has.version if has else "") < release_of(at.index.toolkit.version):
        return f"NVIDIA's container toolkit {at.index.toolkit.version} is installed"
    return "" if "nvidia" in found.runtimes else "the runtime nvidia is added"


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


def selinux(at: Situation) -> Iterator[Finding]:
    """No label of ours is one that docker's containers may read or write (container_file_t)."""
    if at.facts.docker.selinux and at.facts.system.selinux == "enforcing":
        yield problem(
            "docker-selinux",
            "docker confines containers by SELinux (selinux-enabled), which denies the cluster's container the model "
            "and its cache",
            'take "selinux-enabled" out of /etc/docker/daemon.json, or --selinux-enabled out of docker\'s unit, then: '
            "systemctl restart docker",
        )


def file_types(at: Situation) -> Iterator[Finding]:
    """mkfs.xfs before 2015 left out what overlay2 needs, and docker refuses it there since 17.12 (moby#27433)."""
    for need in at.needs:
        mount = at.facts.storage.mount_of(need.path)
        if need.overlays and mount and not mount.tells_types:
            yield problem(
                "xfs-ftype",
                f"{mount.path} is an xfs without file types (ftype=0): docker's overlay2 does not work in {need.path}",
                'another file system by "data-root" in /etc/docker/daemon.json; or one made anew there: '
                "mkfs.xfs -n ftype=1",
            )


def in_docker(at: Situation, path: str, size: int, what: str) -> Need:
    """An image in docker's own folder, as the storage driver has it there; without a docker it will be overlay2."""
    overlays = at.facts.docker.driver in _OVERLAYS
    return Need(path, size, what, runs=not overlays, overlays=overlays)


def nodes_own_docker(at: Situation) -> Program | None:
    """The docker that an install uses as it is, and never overlays.

    In our own place a bundle puts its docker over whatever is there. One that has none leaves that, whoever put it
    there, and all depends on it: as `installer.roles.docker` does it.
    """
    found = at.facts.docker.dockerd
    is_replaced = at.index.docker is not None and found is not None and found.path == f"{OUR_BINARIES}/dockerd"
    return None if is_replaced else found


def _of(program: Program) -> str:
    return f" of package {program.owner}" if program.owner else ""


def _removal(at: Situation, own: Program) -> str:
    """With its containerd, which nobody would need then, and by what also removes those that need the package."""
    if not own.owner:
        return f"stop and remove that docker ({own.path})"
    beside = at.facts.docker.containerd.owner if at.facts.docker.containerd else ""
    packages = " ".join(dict.fromkeys(filter(None, (own.owner, beside))))
    return f"{at.family.remove} {packages}"


def _present_version(program: Program | None) -> str:
    return program.version if program else ""
