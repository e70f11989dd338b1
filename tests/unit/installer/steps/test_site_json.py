from installer.settings import SITE_JSON, parse_site
from installer.steps.site_json import RememberSite
from tests.fakes.bundle import MadeBundle
from tests.fakes.installing import plan
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_settled, make_true


def test_what_the_person_said_is_remembered(node: FakeNode, made: MadeBundle) -> None:
    site = plan(node, made).site
    assert RememberSite(site).pending(node) is not None
    make_true(RememberSite(site), node)
    assert parse_site(node.read(SITE_JSON) or b"") == site
    assert node.at(SITE_JSON).stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(node: FakeNode, made: MadeBundle) -> None:
    step = RememberSite(plan(node, made).site)
    make_true(step, node)
    assert_settled(step, node)
