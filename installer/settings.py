"""What this one node is in the cluster, and what the site changed: from the command line to node.json."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from installer.errors import UsageError, printable
from installer.index.document import ROLES, Index
from installer.index.settings import (
    ClusterSettings,
    ServeSettings,
    check_ports,
    read_environment,
    read_fraction,
    read_port,
    read_size,
)
from installer.index.strict import Place, Value, WrittenPlace, parse_json
from installer.node.network import Address, is_node_address
from installer.node.paths import ETC, MODELS

NODE_JSON = f"{ETC}/node.json"
SITE_JSON = f"{ETC}/site.json"
_TUNABLE_PREFIXES = ("NCCL_", "GLOO_")


@dataclass(frozen=True)
class Site:
    """What the person on site said: remembered, so that a later install needs no options."""

    role: str
    node_ip: str
    head: str
    nodes: tuple[str, ...]
    data_dir: str
    overrides: Mapping[str, str]

    def document(self) -> dict[str, Value]:
        return {
            "role": self.role,
            "node_ip": self.node_ip,
            "head": self.head,
            "nodes": list(self.nodes),
            "data_dir": self.data_dir,
            "set": dict(self.overrides),
        }

    def render(self) -> bytes:
        return json.dumps(self.document(), indent=1, sort_keys=True).encode() + b"\n"


@dataclass(frozen=True)
class Answers:
    """The options as typed. Empty means not given."""

    role: str = ""
    node_ip: str = ""
    head: str = ""
    nodes: tuple[str, ...] = ()
    data_dir: str = ""
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeConfig:
    """node.json: all that the runner needs to start this node's part of the cluster."""

    role: str
    node_ip: str
    interface: str
    head: str
    nodes: tuple[str, ...]
    sequence: int
    image_ids: tuple[str, ...]
    ray_version: str
    model_dir: str
    files_dir: str  # what the container has at /files; "" where the bundle has no such files
    cluster: ClusterSettings
    serve: ServeSettings
    # What peers compare; "" in what an older program wrote.
    bundle: str = ""
    sums_digest: str = ""
    model_digest: str = ""

    @classmethod
    def parse(cls, data: bytes) -> "NodeConfig":
        at = Place.of(parse_json(data, NODE_JSON), "")
        return cls(
            role=at.choice("role", ROLES),
            node_ip=at.text("node_ip"),
            interface=at.text("interface"),
            head=at.text("head"),
            nodes=at.texts("nodes"),
            sequence=at.integer("sequence", 1, 2**31),
            image_ids=at.texts("image_ids"),
            ray_version=at.text("ray_version"),
            model_dir=at.text("model_dir"),
            files_dir=at.text("files_dir"),
            cluster=ClusterSettings.read(at.inside("cluster")),
            serve=ServeSettings.read(at.inside("serve")),
            bundle=at.text("bundle", ""),
            sums_digest=at.text("sums_digest", ""),
            model_digest=at.text("model_digest", ""),
        )

    def render(self) -> bytes:
        document: dict[str, Value] = {
            "role": self.role,
            "node_ip": self.node_ip,
            "interface": self.interface,
            "head": self.head,
            "nodes": list(self.nodes),
            "sequence": self.sequence,
            "image_ids": list(self.image_ids),
            "ray_version": self.ray_version,
            "model_dir": self.model_dir,
            "files_dir": self.files_dir,
            "cluster": self.cluster.document(),
            "serve": self.serve.document(),
            "bundle": self.bundle,
            "sums_digest": self.sums_digest,
            "model_digest": self.model_digest,
        }
        return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"

    @property
    def is_head(self) -> bool:
        return self.role == "head"

    @property
    def peers(self) -> tuple[str, ...]:
        """The other nodes, as far as this one knows them."""
        known = self.nodes or (self.head,)
        return tuple(ip for ip in known if ip != self.node_ip)

    @property
    def rank(self) -> int:
        """The value of vLLM's --node-rank: the place in the list of nodes, head first."""
        return self.nodes.index(self.node_ip)


def parse_site(data: bytes) -> Site:
    at = Place.of(parse_json(data, SITE_JSON), "")
    at.only("role", "node_ip", "head", "nodes", "data_dir", "set")
    return Site(
        role=at.choice("role", ROLES),
        node_ip=at.text("node_ip"),
        head=at.text("head"),
        nodes=at.texts("nodes"),
        data_dir=at.text("data_dir"),
        overrides=at.texts_by_name("set"),
    )


def decide_site(answers: Answers, index: Index, before: Site | None, local: Sequence[Address]) -> Site:
    """One consistent site of what was typed, what an earlier install remembers, and this node's addresses."""
    role = answers.role or (before.role if before else "")
    if not role:
        raise UsageError("--role is missing", hint="--role head on one node, --role worker on the others")
    nodes = answers.nodes or (before.nodes if before else ())
    _check_nodes(nodes, index)
    _check_backend(nodes, index)
    if role == "worker" and index.cluster.nodes == 1:
        raise UsageError("--role worker: the bundle is for one node", hint="--role head makes all of the cluster")
    node_ip = _node_ip(answers, before, nodes, index, local)
    head = _head(role, node_ip, answers, before, nodes, index)
    overrides = _overrides(answers, before)
    data_dir = answers.data_dir or (before.data_dir if before else MODELS)
    _check_data_dir(data_dir)
    return Site(role, node_ip, head, nodes, data_dir, overrides)


def wrong_options(answers: Answers, index: Index, before: Site | None, local: Sequence[Address]) -> list[UsageError]:
    """All that is wrong with what was typed, where deciding ends at the first; none where a site can be decided."""
    wrong: dict[str, UsageError] = {}
    checks: tuple[Callable[[], object], ...] = (
        lambda: decide_site(answers, index, before, local),
        lambda: _check_data_dir(answers.data_dir or MODELS),
        lambda: apply_overrides(index, _overrides(answers, before)),
    )
    for check in checks:
        try:
            check()
        except UsageError as error:
            wrong.setdefault(str(error), error)
    return list(wrong.values())


def _check_nodes(nodes: tuple[str, ...], index: Index) -> None:
    for ip in nodes:
        if not is_node_address(ip):
            raise UsageError(f"--nodes: {printable(ip)!r} is not the IPv4 address of a node")
    if len(set(nodes)) != len(nodes):
        raise UsageError("--nodes: an address stands twice", hint="every node has an address of its own")
    if nodes and len(nodes) != index.cluster.nodes:
        told = "1 address" if len(nodes) == 1 else f"{len(nodes)} addresses"
        wanted = "one node" if index.cluster.nodes == 1 else f"{index.cluster.nodes} nodes"
        raise UsageError(f"--nodes: {told}, but the bundle is for {wanted}", hint=_nodes_hint(index))


def _nodes_hint(index: Index) -> str:
    if index.cluster.nodes == 1:
        return "--node-ip IP names the only node"
    return f"--nodes takes the addresses of all {index.cluster.nodes} nodes, head first"


def _settled_by_nodes(index: Index, hint: str) -> str:
    """A list of all nodes tells a node itself and its head at once: where there are several, that comes first."""
    if index.cluster.nodes == 1:
        return hint
    return f"--nodes IP,IP,... settles it: the addresses of all {index.cluster.nodes} nodes, head first; or {hint}"


def _node_ip(
    answers: Answers, before: Site | None, nodes: tuple[str, ...], index: Index, local: Sequence[Address]
) -> str:
    here = {address.ip for address in local}
    listed = [ip for ip in nodes if ip in here]
    node_ip = answers.node_ip or (before.node_ip if before else "") or (listed[0] if len(listed) == 1 else "")
    choice = ", ".join(sorted(ip for ip in here if is_node_address(ip))) or "none"
    if not node_ip and nodes and not listed:
        raise UsageError(
            f"--nodes: {','.join(nodes)}: none of them is this node",
            hint=f"addresses of this node: {choice}; the list is the same on every node, and each stands in it",
        )
    if not node_ip:
        here_are = f"addresses of this node: {choice}"
        hint = here_are if nodes else _settled_by_nodes(index, f"--node-ip IP; {here_are}")
        raise UsageError("--node-ip is missing", hint=hint)
    if not is_node_address(node_ip) or node_ip not in here:
        raise UsageError(
            f"--node-ip: {printable(node_ip)!r} is on no interface of this node",
            hint=f"addresses of this node: {choice}",
        )
    if nodes and node_ip not in nodes:
        raise UsageError(f"--node-ip: {node_ip} is not in --nodes {','.join(nodes)}")
    return node_ip


def _head(role: str, node_ip: str, answers: Answers, before: Site | None, nodes: tuple[str, ...], index: Index) -> str:
    remembered = before.head if before is not None and before.role == role else ""
    told = answers.head or (nodes[0] if nodes else "") or remembered
    if answers.head and nodes and answers.head != nodes[0]:
        raise UsageError(f"--head: {answers.head} is not the first of --nodes {','.join(nodes)}")
    if role == "head":
        if told not in ("", node_ip):
            raise UsageError(f"this node is {node_ip}, but the head is {told}", hint="use --role worker here")
        return node_ip
    if not told:
        raise UsageError("--head is missing", hint=_settled_by_nodes(index, "--head IP, the head node's address"))
    if not is_node_address(told):
        raise UsageError(f"--head: {printable(told)!r} is not the IPv4 address of a node")
    if told == node_ip and answers.head:
        raise UsageError(f"--head: {told} is this worker itself")
    if told == node_ip:
        raise UsageError(
            f"--role worker: this node is {told}, the head",
            hint="--role head here; or the list is wrong: --nodes has the head first, on every node",
        )
    return told


def _check_backend(nodes: tuple[str, ...], index: Index) -> None:
    if index.cluster.backend == "mp" and index.cluster.nodes > 1 and not nodes:
        raise UsageError(
            "--nodes is missing: with backend mp every node must know its rank",
            hint="--nodes IP,IP,... the same list on every node, head first",
        )


def _check_data_dir(data_dir: str) -> None:
    # docker's --mount takes one line of CSV.
    if not data_dir.startswith("/") or set(data_dir) & set(',"') or not data_dir.isprintable():
        raise UsageError(f"--data-dir: '{printable(data_dir)}' is not an absolute path without commas and quotes")


def _overrides(answers: Answers, before: Site | None) -> dict[str, str]:
    return {**(before.overrides if before else {}), **_read_overrides(answers.overrides)}


def _read_overrides(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {printable(pair)!r}: not KEY=VALUE")
        found[key] = value
    return found


def node_config(
    site: Site, index: Index, local: Sequence[Address], *, files_dir: str = "", sums_digest: str = ""
) -> NodeConfig:
    """``files_dir`` is where this node keeps the bundle's extra files, if it has such."""
    interface = next(address.interface for address in local if address.ip == site.node_ip)
    cluster, serve = apply_overrides(index, site.overrides)
    return NodeConfig(
        role=site.role,
        node_ip=site.node_ip,
        interface=interface,
        head=site.head,
        nodes=site.nodes,
        sequence=index.sequence,
        image_ids=index.image.ids,
        ray_version=index.image.versions.get("ray", ""),
        model_dir=f"{site.data_dir}/{index.model.name}",
        files_dir=files_dir,
        cluster=cluster,
        serve=serve,
        bundle=index.name,
        sums_digest=sums_digest,
        model_digest=index.model_digest,
    )


def apply_overrides(index: Index, overrides: Mapping[str, str]) -> tuple[ClusterSettings, ServeSettings]:
    """The bundle's settings with the site's, typed by the same rules; nothing that weakens the node can be set."""
    at = WrittenPlace(dict(overrides), "--set")
    cluster, serve = index.cluster, index.serve
    for key in overrides:
        match key:
            case "max_model_len":
                serve = replace(serve, max_model_len=at.integer(key, 1, 2**31))
            case "gpu_memory_utilization":
                serve = replace(serve, gpu_memory_utilization=read_fraction(at, key, ""))
            case "tensor_parallel_size":
                serve = replace(serve, tensor_parallel_size=at.integer(key, 1, 1024))
            case "pipeline_parallel_size":
                serve = replace(serve, pipeline_parallel_size=at.integer(key, 1, 1024))
            case "port":
                serve = replace(serve, port=read_port(at, key, 0))
            case "shm_size":
                cluster = replace(cluster, shm_size=read_size(at, key, ""))
            case _ if key.startswith(_TUNABLE_PREFIXES):
                cluster = replace(cluster, env={**cluster.env, **_variable(at, key)})
            case _:
                at.fail(key, "cannot be set on site", hint=f"what can: {', '.join(_TUNABLE)}")
    check_ports(at, cluster, serve)
    gpus = cluster.nodes * cluster.gpus_per_node
    if overrides and serve.world_size > gpus:
        at.fail("tensor_parallel_size", f"with pipeline_parallel_size they need {serve.world_size} GPUs of {gpus}")
    return cluster, serve


_TUNABLE = (
    "max_model_len",
    "gpu_memory_utilization",
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "port",
    "shm_size",
    *(f"{prefix}*" for prefix in _TUNABLE_PREFIXES),
)


def _variable(at: WrittenPlace, key: str) -> dict[str, str]:
    wrapped = WrittenPlace({"env": {key: at.values[key]}}, at.path)
    return read_environment(wrapped)
