"""What must be true of a head and of a worker, in order."""

from collections.abc import Iterator
from dataclasses import dataclass

from installer.driver.look import LastLook
from installer.engine import CONTAINERD_UNIT, DOCKER_UNIT
from installer.hardware.requirements import Offer, demands_of, judge
from installer.index.components import Driver
from installer.index.document import Index
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
from installer.trust.keys import PublicKey


@dataclass(frozen=True)
class Plan:
    """One bundle, for one node. ``look`` is what its GPUs said while all this was decided."""

    index: Index
    pinned: Pinned
    keys: tuple[PublicKey, ...]
    staging: Staging
    own_dockerd: str | None  # as installer.engine says it
    site: Site
    config: NodeConfig
    look: LastLook


def steps_for(plan: Plan) -> Iterator[Step]:
    return head(plan) if plan.site.role == "head" else worker(plan)


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
    if index.packages is not None:
        yield InstallPackages(index.packages, index.target.packages, index.of_kind("package"), staging)
    if index.driver is not None:
        yield install_driver(plan, index.driver)
    yield StartFabricManager(look=plan.look)
    yield RestartServices()
    yield TurnOnPersistence()
    yield from docker(plan)
    if index.toolkit is not None:
        yield InstallToolkit(index.toolkit, index.target.packages, index.of_kind("toolkit"), staging)
    yield ConfigureNvidiaRuntime()
    yield LoadImage(index.image, index.of_kind("image"), staging, index.sequence)
    yield PlaceModel(index.model.name, index.of_kind("model"), staging)
    if index.of_kind("file"):
        yield CheckExtraFiles(index.of_kind("file"), staging)


def install_driver(plan: Plan, driver: Driver) -> InstallDriver:
    """A packaged driver of another version stays where it has what the image asks for."""
    image, config = plan.index.image, plan.config
    demands = demands_of(image.requires, image.versions, config.cluster.env)

    def suffices(version: str) -> bool:
        return judge(demands, Offer(version)).natively

    packages = plan.index.target.packages
    return InstallDriver(driver, plan.index.only("driver"), plan.staging, packages, suffices, look=plan.look)


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
