"""A distribution and what it knows of itself: machine, C library, names, groups, and the programs that tell them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from installer.sight import Output
from tests.fakes.changes import Changes
from tests.fakes.linux import FakeLinux

_ROCKY = (
    'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
    'PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n'
)
_DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'

Program = Callable[[tuple[str, ...]], Output]


@dataclass
class FakeSystem:
    """``hosts`` is what a name resolves to; its own does to ``ip``. ``date`` is in seconds since 1970."""

    changes: Changes
    linux: FakeLinux
    ip: Callable[[], str]
    date: Callable[[], int]
    arch: str = "x86_64"
    libc: str = "glibc 2.36"
    os_release: str = _ROCKY
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=lambda: {"root"})

    @property
    def programs(self) -> Mapping[str, Program]:
        return {
            "uname": self._uname,
            "date": self._date,
            "getconf": self._getconf,
            "getent": self._getent,
            "groupadd": self._groupadd,
        }

    def become_debian(self) -> None:
        self.os_release = _DEBIAN

    def _uname(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == ("-rm",), arguments
        return Output(0, f"{self.linux.release} {self.arch}\n", "")

    def _date(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == ("+%s",), arguments
        return Output(0, f"{self.date()}\n", "")

    def _getconf(self, arguments: tuple[str, ...]) -> Output:
        assert arguments == ("GNU_LIBC_VERSION",), arguments
        return Output(0, f"{self.libc}\n", "") if self.libc else Output(2, "", "getconf: Unrecognized variable\n")

    def _getent(self, arguments: tuple[str, ...]) -> Output:
        database, name = arguments
        if database == "ahostsv4":
            found = self.hosts.get(name, (self.ip(),) if name == self.linux.hostname else ())
            return Output(0 if found else 2, "".join(f"{ip:15} STREAM {name}\n" for ip in found), "")
        assert database == "group"
        return Output(0 if name in self.groups else 2, "", "")

    def _groupadd(self, arguments: tuple[str, ...]) -> Output:
        option, name = arguments
        assert option == "--system"
        self.changes.about_to(f"groupadd {name}")
        self.groups.add(name)
        return Output(0, "", "")
