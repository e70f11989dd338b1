"""What can be wrong with a node: how it is made so, how that is undone, and what preflight says of it meanwhile."""

from dataclasses import dataclass

from installer.preflight import PROBLEM, WARNING

HEAD, WORKER = "10.77.0.11", "10.77.0.12"


@dataclass(frozen=True)
class Trouble:
    """``make`` and ``undo`` are lines of a shell in the node; ``says`` is in the text of the finding ``name``."""

    name: str
    says: str
    make: str = ":"
    undo: str = ":"
    level: str = PROBLEM
    options: tuple[str, ...] = ()
    title: str = ""

    def __str__(self) -> str:
        return self.title or self.name


def _program(path: str, says: str) -> str:
    return f"printf '#!/bin/sh\\necho {says}\\n' >{path}; chmod 755 {path}"


def card(slot: str, kind: str, device: str) -> str:
    """A card on the pretended bus."""
    folder = f"/etc/testbed/pci/{slot}"
    return f"mkdir {folder}; printf 'PCI_CLASS={kind}\\nPCI_ID=10DE:{device}\\n' >{folder}/uevent"


BUILD_FOLDER = "/lib/modules/$(uname -r)/build"
SECOND = "0000:00:1f.0"
NO_COMPILER = ("mv /usr/bin/gcc /run/gcc", "mv /run/gcc /usr/bin/gcc")
NO_SECOND = f"rm -r /etc/testbed/pci/{SECOND}"
TROUBLES = (
    Trouble(
        "ports",
        "port 6379 is taken (by somebody at 10.77.0.11), it is that of Ray's head",
        make=f"systemd-run -q --unit=taken --socket-property=ListenStream={HEAD}:6379 /bin/cat",
        undo="systemctl stop taken.socket",
        title="the port of Ray's head is taken",
    ),
    Trouble(
        "ports",
        "port 8000 is taken (by somebody at ::), it is the API's",
        make="systemd-run -q --unit=taken --socket-property=ListenStream=8000 /bin/cat",
        undo="systemctl stop taken.socket",
        title="the API's port is taken",
    ),
    Trouble(
        "worker-ports",
        "gives ports 20000-60999 to whoever connects",
        make="cat /proc/sys/net/ipv4/ip_local_port_range >/run/range; "
        "echo 20000 60999 >/proc/sys/net/ipv4/ip_local_port_range",
        undo="cat /run/range >/proc/sys/net/ipv4/ip_local_port_range; rm /run/range",
        level=WARNING,
    ),
    Trouble(
        "space",
        "/var/lib/vllm-airgap has 0.0 GiB free, ",
        make="mkdir /var/lib/vllm-airgap; mount -t tmpfs -o size=8m tmpfs /var/lib/vllm-airgap",
        undo="umount /var/lib/vllm-airgap; rmdir /var/lib/vllm-airgap",
    ),
    Trouble(
        "writable",
        "/opt",
        make="mount -t tmpfs -o ro tmpfs /opt",
        undo="umount /opt",
    ),
    Trouble(
        "noexec",
        "/opt is mounted noexec, and the program's Python is started from /opt",
        make="mount -t tmpfs -o noexec tmpfs /opt",
        undo="umount /opt",
        title="noexec on /opt",
    ),
    Trouble(
        "noexec",
        "/var/lib/vllm-airgap is mounted noexec, and the driver's installer is started from",
        make="mkdir /var/lib/vllm-airgap; mount -t tmpfs -o noexec,size=99g tmpfs /var/lib/vllm-airgap",
        undo="umount /var/lib/vllm-airgap; rmdir /var/lib/vllm-airgap",
        title="noexec where the driver unpacks",
    ),
    Trouble(
        "options", "--node-ip: '10.77.0.99' is on no interface", options=("--node-ip", "10.77.0.99"), title="wrong IP"
    ),
    Trouble(
        "options",
        "an address stands twice",
        options=("--nodes", f"{HEAD},{HEAD}"),
        title="the same IP twice",
    ),
    Trouble(
        "address",
        "no IPv4 address that another node could reach",
        make="ip address flush dev eth0",
        undo=f"ip address add {HEAD}/24 dev eth0",
    ),
    Trouble(
        "interface",
        "10.88.0.1 is on docker0, a network inside this machine",
        make="ip link add docker0 type bridge; ip address add 10.88.0.1/24 dev docker0; ip link set docker0 up",
        undo="ip link delete docker0",
        options=("--nodes", f"10.88.0.1,{WORKER}"),
    ),
    Trouble(
        "hostname",
        "this node's name head resolves to 127.0.1.1",
        make="cp /etc/hosts /run/hosts; sed -i 's/.*head$/127.0.1.1 head/' /etc/hosts",
        undo="cp /run/hosts /etc/hosts; rm /run/hosts",
        level=WARNING,
    ),
    Trouble(
        "firewall",
        "ufw is active, and whether it lets the other nodes in was not probed",
        make="mkdir /etc/ufw; echo ENABLED=yes >/etc/ufw/ufw.conf; systemd-run -q --unit=ufw sleep infinity",
        undo="systemctl stop ufw; rm -r /etc/ufw",
        level=WARNING,
    ),
    Trouble(
        "clock",
        "this node's clock says 2020-01-01, but the bundle's image was made on 20",
        make=_program("/usr/local/bin/date", "1577836800"),
        undo="rm /usr/local/bin/date",
        level=WARNING,
    ),
    Trouble(
        "gpus",
        "no NVIDIA GPU is on this node's PCI bus, the bundle is for 1",
        make="mv /etc/testbed/pci/* /run/",
        undo="mv /run/0000:* /etc/testbed/pci/",
        title="no GPU",
    ),
    Trouble(
        "gpu-models",
        "GPUs of 2 models: 10de:1eb8, 10de:2335",
        make=card(SECOND, "30200", "2335"),
        undo=NO_SECOND,
        level=WARNING,
    ),
    Trouble(
        "driver-kind",
        "driver 550.127.08 does not know 10de:2901, a Blackwell GPU",
        make=f"{card(SECOND, '30200', '2901')}; mv /etc/testbed/pci/0000:00:1e.0 /run/",
        undo=f"mv /run/0000:00:1e.0 /etc/testbed/pci/; {NO_SECOND}",
    ),
    Trouble(
        "fabric-manager",
        "1 NVSwitches need the Fabric Manager of driver 550.127.08, this node has none",
        make=card(SECOND, "68000", "22A3"),
        undo=NO_SECOND,
    ),
    Trouble(
        "nouveau",
        "nouveau drives the GPUs: an install blocks it",
        make="echo DRIVER=nouveau >>/etc/testbed/pci/0000:00:1e.0/uevent",
        undo="sed -i /^DRIVER=/d /etc/testbed/pci/0000:00:1e.0/uevent",
        level=WARNING,
    ),
    Trouble(
        "display-server",
        "a display server runs",
        make="systemd-run -q --unit=display-manager sleep infinity",
        undo="systemctl stop display-manager",
    ),
    Trouble(
        "build-tools",
        "there are no headers of the running kernel",
        make=f"mv {BUILD_FOLDER} /run/build",
        undo=f"mv /run/build {BUILD_FOLDER}",
        title="headers missing",
    ),
    Trouble(
        "build-tools",
        "there is no compiler (gcc)",
        make=NO_COMPILER[0],
        undo=NO_COMPILER[1],
        title="compiler missing",
    ),
    Trouble(
        "docker-version",
        "/usr/bin/dockerd is docker 20.10.5, older than 20.10.10",
        make=_program("/usr/bin/dockerd", "Docker version 20.10.5, build 363e9a8"),
        undo="rm /usr/bin/dockerd",
    ),
    Trouble(
        "containerd",
        "/usr/bin/containerd is this node's own containerd",
        make=_program("/usr/bin/containerd", "containerd github.com/containerd/containerd 1.6.16 31aa4358a36870b2"),
        undo="rm /usr/bin/containerd",
    ),
    Trouble(
        "kubelet",
        "kubelet runs on this node",
        make="systemd-run -q --unit=kubelet sleep infinity",
        undo="systemctl stop kubelet",
        level=WARNING,
    ),
    Trouble(
        "shm", "shm_size is 999g, more than half of this node's", level=WARNING, options=("--set", "shm_size=999g")
    ),
)
# On an installed node, whose docker and driver answer.
LATER_TROUBLES = (
    Trouble(
        "container-name",
        "a container named vllm-airgap-node is not ours (image vllm-airgap:1, created)",
        make="docker create --name vllm-airgap-node vllm-airgap:1 >/dev/null",
        undo="docker rm vllm-airgap-node >/dev/null",
    ),
    Trouble(
        "gpu-busy",
        "GPU 0 (Tesla T4) has 1360 of 15360 MiB free, vLLM will want 0.90 of it",
        make="sed -i.whole 's/,15360,0,/,15360,14000,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        "mig",
        "MIG is on for GPU 0",
        make="sed -i.whole 's,\\[N/A\\],Enabled,' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        "gpu-too-old",
        "compute capability 3.5",
        make="sed -i.whole 's/,7.5,/,3.5,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        "serve-plan",
        "does not fit",
        make="sed -i.whole 's/,15360,0,/,300,0,/' /etc/testbed/gpus.csv",
        undo="mv /etc/testbed/gpus.csv.whole /etc/testbed/gpus.csv",
    ),
    Trouble(
        "docker-silent",
        "docker is there and does not answer: ",
        make="systemctl stop docker.service",
        undo="systemctl start docker.service",
        level=WARNING,
    ),
)
