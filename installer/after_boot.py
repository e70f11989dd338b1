"""What an install that goes on after a boot waits for, before it looks at the node: no order of units brings it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from installer.errors import LockedError
from installer.node import Node
from installer.settings import SITE_JSON, Site, parse_site
from installer.staging import Staging

PATIENCE = 300  # seconds; DHCP servers and file servers of the same site boot too
_PAUSE = 2  # seconds


@contextmanager
def lock_patiently(node: Node, waiting: Callable[[str], None]) -> Iterator[None]:
    """For as long as it takes: whoever installs by hand meanwhile takes over what was to go on by itself."""
    with ExitStack() as held:
        while busy := _taking(node, held):
            waiting(busy)
            node.sleep(_PAUSE)
        yield


def _taking(node: Node, held: ExitStack) -> str:
    """Who has the lock, or "" once it is ours."""
    try:
        held.enter_context(node.lock())
    except LockedError as error:
        return str(error)
    return ""


def wait_for_place(node: Node, model: str, waiting: Callable[[str], None]) -> None:
    """For this node's address and the folder of ``model``. What does not come in five minutes preflight tells of."""
    data = node.read(SITE_JSON)
    if data is None:
        return
    site, ends = parse_site(data), node.clock() + PATIENCE
    while (missing := _missing(node, site, Staging("", f"{site.data_dir}/{model}"))) and node.clock() < ends:
        waiting(missing)
        node.sleep(_PAUSE)


def _missing(node: Node, site: Site, staging: Staging) -> str:
    """An empty mount point is there before its file system; the model was taken in before the first reboot."""
    if site.node_ip not in {found.ip for found in node.addresses()}:
        return f"this node's address {site.node_ip} is on no interface yet"
    if not (node.names(staging.model_dir) or node.names(staging.partial_model)):
        return f"the model is not in {site.data_dir} yet"
    return ""
