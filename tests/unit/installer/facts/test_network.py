"""Texts are constructed after real ones: iproute2 of CentOS 7 and Ubuntu, busybox, the kernel's socket tables."""

import pytest

from installer.facts.network import (
    Interface,
    Listener,
    gather_network,
    read_addresses,
    read_default_route,
    read_host_addresses,
    read_interfaces,
    read_listeners,
    read_port_range,
    read_ufw,
)
from installer.sight import Output
from tests.fakes.recorded_machine import RecordedMachine, said

LINKS = (
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    "
    "link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    "2: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 9000 qdisc noqueue state UP\\    link/ether a\n"
    "3: ens1f0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN mode DEFAULT\\    link/ether b\n"
    "4: eth0@if12: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\\    link/ether c link-netnsid 0\n"
)
ADDRESSES = (
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
    "2: bond0    inet 10.20.0.11/24 brd 10.20.0.255 scope global noprefixroute bond0\\       valid_lft forever\n"
    "2: bond0    inet 10.20.0.99/24 scope global secondary bond0:1\\       valid_lft forever\n"
    "4: eth0    inet 192.0.2.2 peer 192.0.2.3/32 scope global eth0\\       valid_lft forever\n"
)
PATHS = "\tnexthop via 10.0.0.1 dev eth0 weight 1 \n\tnexthop via 10.0.1.1 dev eth1 weight 1 \n"
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 23 1 0 100 0 0 10 0
   2: 0B00140A:0016 6300140A:D431 01 00000000:00000000 02:00000000 00000000     0        0 24 4 0 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 1
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 2
   2: B80D01200000000000000000010000FE:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 3
"""


def test_interfaces_with_their_addresses() -> None:
    assert read_interfaces(LINKS, read_addresses(ADDRESSES)) == (
        Interface("lo", 65536, is_up=True, addresses=("127.0.0.1",)),
        Interface("bond0", 9000, is_up=True, addresses=("10.20.0.11", "10.20.0.99")),
        Interface("ens1f0", 1500, is_up=False, addresses=()),
        Interface("eth0", 1500, is_up=True, addresses=("192.0.2.2",)),
    )


@pytest.mark.parametrize(
    ("text", "interface"),
    [
        ("default via 10.20.0.254 dev bond0 proto static metric 300 \n", "bond0"),
        ("default via 10.0.0.1 dev wlan0 metric 600 \ndefault via 10.1.0.1 dev eth0 metric 100 \n", "eth0"),
        ("default via 10.0.0.1 dev wlan0 metric 600 \ndefault dev ib0 scope link \n", "ib0"),
        (f"default proto static \n{PATHS}", "eth0"),
        (f"default metric 100 \n{PATHS}default via 10.1.0.1 dev eth2 metric 50 \n", "eth2"),
        (f"default via 10.1.0.1 dev eth2 metric 100 \ndefault metric 50 \n{PATHS}", "eth0"),
        ("unreachable default metric 4278198272 \n", ""),
        ("", ""),
    ],
)
def test_the_default_route_is_the_one_of_the_least_metric(text: str, interface: str) -> None:
    assert read_default_route(text) == interface


def test_only_listeners_are_read() -> None:
    assert read_listeners(TCP) == (Listener("127.0.0.1", 6379), Listener("0.0.0.0", 22))  # noqa: S104


def test_addresses_of_ipv6() -> None:
    assert [(found.address, found.port) for found in read_listeners(TCP6)] == [
        ("::", 8000),
        ("127.0.0.1", 8080),
        ("2001:db8::fe00:1", 80),
    ]


def test_a_name_has_an_address_once() -> None:
    text = "127.0.1.1       STREAM node1\n127.0.1.1       DGRAM  \n10.0.0.1        STREAM \n\n"
    assert read_host_addresses(text) == ("127.0.1.1", "10.0.0.1")


def test_ufw_is_on_only_where_its_settings_say_so() -> None:
    assert read_ufw("# comment\nENABLED=yes\nLOGLEVEL=low\n")
    assert not read_ufw("# ENABLED=yes\nENABLED=no\n")


def test_a_range_of_ports() -> None:
    assert read_port_range("32768\t60999\n") == (32768, 60999)
    assert read_port_range("") == (0, 0)


def test_name_servers_that_never_answer_are_left_out() -> None:
    ask = ("getent", "ahostsv4", "node1")
    answers = {
        ask: Output(-9, "", "no answer in 2 s"),
        ("getent", "-s", "files", *ask[1:]): said("10.0.0.1 STREAM node1\n"),
    }
    machine = RecordedMachine({"getent": "/bin/getent"}, {"/proc/sys/kernel/hostname": "node1\n"}, answers)
    assert gather_network(machine).host_addresses == ("10.0.0.1",)
