"""The group that owns docker's socket: dockerd looks for it when it starts."""

from dataclasses import dataclass

from installer.node import Node


@dataclass(frozen=True)
class CreateDockerGroup:
    replaces: tuple[str, ...] = ()
    title: str = "group docker"

    def pending(self, node: Node) -> str | None:
        return None if node.ask("getent", "group", "docker").succeeded else "no such group"

    def apply(self, node: Node) -> None:
        node.run("groupadd", "--system", "docker")
