"""What must be true of a head and of a worker, in order."""

from collections.abc import Iterator
from dataclasses import dataclass

from installer.driver.look import LastLook
from installer.engine import CONTAINERD_UNIT, DOCKER_UNIT
from installer.hardware.driver_decision import Wanted
from installer.index.document import Index
from installer.node import Node
from installer.pinned import Pinned
from installer.settings import NodeConfig, Site
from installer.staging import Staging
from installer.step import Step
from installer.steps.cluster import NODE_UNIT, SERVE_UNIT, StartNode, StartServe
from installer.steps.daemon_json import MergeDaemonJson
from installer.steps.docker_binaries import PlaceDockerBinaries
from installer.steps.docker_group import CreateDockerGroup
from installer.steps.docker_running import StartDocker
from installer.steps.driver import InstallDriver
from installer.steps.extra_files import CheckExtraFiles
from installer.steps.fabric_manager import StartFabricManager
from installer.steps.gpu_services import RestartServices
from installer.steps.image import LoadImage
from installer.steps.model import PlaceModel
from installer.steps.node_json import WriteNodeJson
from installer.steps.nvidia_runtime import ConfigureNvidiaRuntime
from installer.steps.older_bundles import RemoveOlderBundles
from installer.steps.packages import InstallPackages
from installer.steps.persistence import TurnOnPersistence
from installer.steps.pin_trust import PinTrust
from installer.steps.retired_unit import RetireUnit
from installer.steps.site_json import RememberSite
from installer.steps.toolkit_packages import InstallToolkit
from installer.steps.units import PlaceUnits
from installer.transaction import try_together
from installer.trust.keys import PublicKey


@dataclass(frozen=True)
class Plan:
    """One bundle, for one node.

    ``driver`` is the bundle's, if it has one, and by what preflight judged the node's own; ``look`` what the GPUs said
    while all this was decided.
    """

    index: Index
    pinned: Pinned
    keys: tuple[PublicKey, ...]
    staging: Staging
    own_dockerd: str | None  # as installer.engine says it
    site: Site
    config: NodeConfig
    driver: Wanted | None
    look: LastLook


def steps_for(plan: Plan) -> Iterator[Step]:
    return head(plan) if plan.site.role == "head" else worker(plan)


def try_packages(plan: Plan, node: Node) -> None:
    """All that the steps will ask of the package manager: what it refuses of the last it refuses before the first."""
    steps: tuple[InstallPackages | InstallToolkit, ...] = (*packages(plan), *toolkit(plan))
    wanted = [step.transaction(node) for step in steps]
    try_together(node, plan.staging, plan.index.target.packages, wanted)


def afterwards(plan: Plan) -> Iterator[Step]:
    """What may happen only once this bundle is up: until then an older one may still be at work."""
    yield RemoveOlderBundles(plan.pinned, plan.index.only("runtime").sha256)


def head(plan: Plan) -> Iterator[Step]:
    yield from software(plan)
    yield WriteNodeJson(plan.config)
    yield PlaceUnits("the cluster", (NODE_UNIT, SERVE_UNIT))
    yield StartNode(plan.config)
    yield StartServe()


def worker(plan: Plan) -> Iterator[Step]:
    yield from software(plan)
    yield WriteNodeJson(plan.config)
    yield RetireUnit(SERVE_UNIT)
    yield PlaceUnits("the cluster", (NODE_UNIT,))
    yield StartNode(plan.config)


def software(plan: Plan) -> Iterator[Step]:
    index, staging = plan.index, plan.staging
    yield PinTrust(plan.pinned, plan.keys, index.only("runtime"), staging)
    yield RememberSite(plan.site)
    yield from packages(plan)
    if plan.driver is not None:
        yield InstallDriver(plan.driver, index.only("driver"), staging, look=plan.look)
    yield StartFabricManager(look=plan.look)
    yield RestartServices()
    yield TurnOnPersistence()
    yield from docker(plan)
    yield from toolkit(plan)
    yield ConfigureNvidiaRuntime()
    yield LoadImage(index.image, index.of_kind("image"), staging, index.sequence)
    yield PlaceModel(index.model.name, index.of_kind("model"), staging)
    if index.of_kind("file"):
        yield CheckExtraFiles(index.of_kind("file"), staging)


def packages(plan: Plan) -> Iterator[InstallPackages]:
    index = plan.index
    if index.packages is not None:
        yield InstallPackages(index.packages, index.target.packages, index.of_kind("package"), plan.staging)


def toolkit(plan: Plan) -> Iterator[InstallToolkit]:
    index = plan.index
    if index.toolkit is not None:
        yield InstallToolkit(index.toolkit, index.target.packages, index.of_kind("toolkit"), plan.staging)


def docker(plan: Plan) -> Iterator[Step]:
    """The bundle's docker, unless the node has one of its own: a packaged docker is never overlaid."""
    if plan.own_dockerd is not None or plan.index.docker is None:
        yield StartDocker((DOCKER_UNIT,))
        return
    yield PlaceDockerBinaries(plan.index.docker, plan.index.only("docker"), plan.staging)
    yield CreateDockerGroup()
    yield PlaceUnits("docker", (CONTAINERD_UNIT, DOCKER_UNIT))
    yield MergeDaemonJson()
    yield StartDocker((CONTAINERD_UNIT, DOCKER_UNIT))
