from installer.steps.docker_group import CreateDockerGroup
from tests.fakes.node import FakeNode
from tests.fakes.stepping import assert_settled, make_true


def test_the_group_is_made_once(node: FakeNode) -> None:
    step = CreateDockerGroup()
    assert step.pending(node) == "no such group"
    make_true(step, node)
    assert "docker" in node.system.groups
    assert_settled(step, node)
