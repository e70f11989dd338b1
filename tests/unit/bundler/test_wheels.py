"""Names as PyPI compares them, and a row of a table that must be whole."""

from collections.abc import Mapping

import pytest

from bundler.wheels import Wheel, normal_name
from installer.errors import MalformedError
from installer.index.strict import Place, Value

ROW: Mapping[str, Value] = {
    "name": "charset-normalizer",
    "version": "3.5.2",
    "url": "https://files.pythonhosted.org/packages/c4/9f/52/charset_normalizer-3.5.2-py3-none-any.whl",
    "size": 271105,
    "sha256": "8a" * 32,
}


@pytest.mark.parametrize(
    "name", ["charset-normalizer", "Charset_Normalizer", "charset.normalizer", "charset-_.normalizer"]
)
def test_one_project_has_one_name(name: str) -> None:
    assert normal_name(name) == "charset-normalizer"


def test_a_row_is_a_wheel() -> None:
    wheel = Wheel.read(Place(ROW, "wheels.json"))
    assert (wheel.name, wheel.version, wheel.size, wheel.sha256) == ("charset-normalizer", "3.5.2", 271105, "8a" * 32)
    assert wheel.file_name == "charset_normalizer-3.5.2-py3-none-any.whl"


@pytest.mark.parametrize("key", ROW)
def test_a_row_without_one_of_its_values_is_named(key: str) -> None:
    rest = {other: value for other, value in ROW.items() if other != key}
    with pytest.raises(MalformedError, match=rf"wheels\.json\.{key}: missing"):
        Wheel.read(Place(rest, "wheels.json"))


def test_a_value_that_no_row_has_is_named() -> None:
    with pytest.raises(MalformedError, match=r"wheels\.json\.yanked: unknown key"):
        Wheel.read(Place({**ROW, "yanked": True}, "wheels.json"))
