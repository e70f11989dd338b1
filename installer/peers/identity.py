"""Who a node is to its peers: what must be the same on all of them, and what tells them apart. No secrets."""

from dataclasses import dataclass

from installer.facts.gpus import GpuFacts, gather_cards
from installer.facts.network import NetworkFacts, gather_network
from installer.index.strict import Place, Value
from installer.node import Node
from installer.settings import NodeConfig

_MOST_GPUS = 64


@dataclass(frozen=True)
class Identity:
    """Empty is what nobody knows yet. ``clock`` is in seconds since 1970, ``digest`` that of SHA256SUMS."""

    ip: str
    hostname: str
    role: str
    bundle: str
    sequence: int
    digest: str
    image: str
    model: str
    driver: str
    gpus: tuple[str, ...]
    mtu: int
    clock: int

    def document(self) -> dict[str, Value]:
        return {
            "ip": self.ip,
            "hostname": self.hostname,
            "role": self.role,
            "bundle": self.bundle,
            "sequence": self.sequence,
            "digest": self.digest,
            "image": self.image,
            "model": self.model,
            "driver": self.driver,
            "gpus": list(self.gpus),
            "mtu": self.mtu,
            "clock": self.clock,
        }

    @classmethod
    def read(cls, at: Place) -> "Identity":
        """Raises MalformedError."""
        at.only(*cls.__dataclass_fields__)
        texts = {name: _short(at, name) for name in _TEXTS}
        gpus = at.texts("gpus")[:_MOST_GPUS]
        return cls(
            sequence=at.integer("sequence", 0, 2**31),
            gpus=tuple(name[:_LONGEST] for name in gpus),
            mtu=at.integer("mtu", 0, 1 << 20),
            clock=at.integer("clock", 0, 2**40),
            **texts,
        )


_TEXTS = ("ip", "hostname", "role", "bundle", "digest", "image", "model", "driver")
_LONGEST = 100  # characters; a table shows them


def _short(at: Place, key: str) -> str:
    return at.text(key)[:_LONGEST]


def identify(node: Node, config: NodeConfig) -> Identity:
    """As this node is now, with the bundle of its node.json."""
    return identity_of(config, gather_network(node), gather_cards(node), node.date())


def identity_of(config: NodeConfig, network: NetworkFacts, gpus: GpuFacts, clock: int) -> Identity:
    interface = network.interface_of(config.node_ip)
    return Identity(
        ip=config.node_ip,
        hostname=network.hostname,
        role=config.role,
        bundle=config.bundle,
        sequence=config.sequence,
        digest=config.sums_digest,
        image=config.image_ids[0] if config.image_ids else "",
        model=config.model_digest,
        driver=gpus.smi[0].driver if gpus.smi else "",
        gpus=tuple(gpu.name for gpu in gpus.smi)[:_MOST_GPUS],
        mtu=interface.mtu if interface else 0,
        clock=clock,
    )
