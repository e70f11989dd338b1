"""Where a file of a model is from, and on whose word."""

import pytest

from bundler.sources.model.endpoint import other_than
from bundler.sources.model.repo import Repo


def test_a_mirror_stands_beside_what_it_said_in_the_hubs_name() -> None:
    assert Repo("hub", "org/m", "abc", (), said_by="mirror.lan").provenance == "hub org/m@abc, as mirror.lan said"
    assert Repo("hub", "org/m", "v1", (), "no commits", "m:8").provenance == "hub org/m@v1, as m:8 said, no commits"


@pytest.mark.parametrize("hub", ["https://hub.example", "https://HUB.example:443/", "https://hub.example/under"])
def test_the_hub_itself_is_no_mirror(hub: str) -> None:
    assert other_than(hub, ("https://hub.example",)) == ""


@pytest.mark.parametrize(
    ("endpoint", "name"), [("https://mirror.lan/hf", "mirror.lan"), ("http://hub.example:80", "hub.example:80")]
)
def test_any_other_endpoint_is_named(endpoint: str, name: str) -> None:
    assert other_than(endpoint, ("https://hub.example",)) == name
