"""The order of versions, by examples of rpm's own tests and of Debian's policy."""

import pytest

from installer.index.package_versions import compare_deb, compare_rpm

RPM = [
    ("1.0", "1.0", 0),
    ("1.0", "2.0", -1),
    ("2.0.1", "2.0.1a", -1),
    ("5.5p1", "5.5p2", -1),
    ("5.5p10", "5.5p1", 1),
    ("10xyz", "10.1xyz", -1),
    ("xyz10", "xyz10.1", -1),
    ("xyz.4", "8", -1),
    ("5.5p2", "5.6p1", -1),
    ("6.0.rc1", "6.0", 1),
    ("10b2", "10a1", 1),
    ("1.0aa", "1.0a", 1),
    ("10.0001", "10.0039", -1),
    ("4.999.9", "5.0", -1),
    ("2_0", "2.0", 0),
    ("a+", "a_", 0),
    ("1.0~rc1", "1.0", -1),
    ("1.0~rc1~git123", "1.0~rc1", -1),
    ("1.0^", "1.0", 1),
    ("1.0^git1", "1.01", -1),
    ("1.0^20160101", "1.0.1", -1),
    ("1.0~rc1^git1", "1.0~rc1", 1),
    ("1.0^git1~pre", "1.0^git1", -1),
    ("3.10.0-1160.el7", "3.10.0-1160.119.1.el7", -1),
    ("1.0-2", "1.0-10", -1),
    ("1.0-2", "1.0", 0),
    ("1:1.0-1", "2.0-1", 1),
    ("0:1.0-1", "1.0-1", 0),
]
DEB = [
    ("1.0", "1.0", 0),
    ("1.0", "1.0-0", 0),
    ("1.0", "1.0-1", -1),
    ("1.0~rc1", "1.0", -1),
    ("1.0~~", "1.0~", -1),
    ("1.0-1~bpo11+1", "1.0-1", -1),
    ("1.0+dfsg", "1.0a", 1),
    ("1.0a", "1.0", 1),
    ("2.36-9", "2.36-9+deb12u10", -1),
    ("1.9", "1.10", -1),
    ("1:0.1", "2.0", 1),
    ("0:1.0", "1.0", 0),
    ("1.0-1ubuntu1", "1.0-1ubuntu0.1", 1),
    ("1.0-1-2", "1.0-1-10", -1),
]


@pytest.mark.parametrize(("one", "other", "order"), RPM)
def test_versions_of_rpm(one: str, other: str, order: int) -> None:
    assert (compare_rpm(one, other), compare_rpm(other, one)) == (order, -order)


@pytest.mark.parametrize(("one", "other", "order"), DEB)
def test_versions_of_deb(one: str, other: str, order: int) -> None:
    assert (compare_deb(one, other), compare_deb(other, one)) == (order, -order)
