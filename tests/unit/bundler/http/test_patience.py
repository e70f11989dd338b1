"""How often, and after how long a pause."""

import time

import pytest

from bundler.http.patience import Patience, TroubleError, Trying, pause_after, reset_seconds, wished_seconds
from installer.errors import DamagedError, UnreachableError

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def patience(pauses: list[float], told: list[str] | None = None, chance: float = 1.0) -> Patience:
    tell = told.append if told is not None else Patience().tell
    return Patience(tell=tell, sleep=pauses.append, now=lambda: NOW, chance=lambda: chance)


def give_up(trying: Trying, trouble: TroubleError) -> None:
    for _ in range(100):
        trying.pause(trouble)


def test_pauses_grow_up_to_a_limit() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 7, 8, 1000)] == [0.5, 1, 2, 30, 30, 30]


def test_the_last_of_six_tries_in_vain_is_the_error() -> None:
    pauses: list[float] = []
    with pytest.raises(UnreachableError, match="driver: no answer") as caught:
        give_up(patience(pauses).trying("driver"), TroubleError("no answer"))
    assert pauses == [0.5, 1, 2, 4, 8]
    assert "the same command again" in caught.value.hint


def test_half_of_a_pause_is_chance() -> None:
    pauses: list[float] = []
    patience(pauses, chance=0.0).trying("x").pause(TroubleError("x"))
    patience(pauses, chance=1.0).trying("x").pause(TroubleError("x"))
    assert pauses == [0.25, 0.5]


def test_who_gets_further_may_go_on_for_ever() -> None:
    pauses: list[float] = []
    trying = patience(pauses).trying("x")
    for _ in range(1000):
        trying.got_further()
        trying.pause(TroubleError("cut"))
    assert set(pauses) == {0.5}


def test_trouble_says_what_it_is_if_it_lasts() -> None:
    with pytest.raises(DamagedError) as caught:
        give_up(patience([]).trying("x"), TroubleError("other", hint="look", lasting=DamagedError))
    assert caught.value.hint == "look"


def test_only_a_pause_that_is_felt_is_told() -> None:
    told: list[str] = []
    trying = patience([], told).trying("driver")
    for _ in range(5):
        trying.pause(TroubleError("cut"))
    assert told == ["driver: cut; trying again in 4 s", "driver: cut; trying again in 8 s"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("1800000030", 30.0),
        ("1799999000", 0.0),
        (" 7 ", 7.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("tomorrow", None),
        ("٣", None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_what_a_server_asks_for(header: str, seconds: float | None) -> None:
    assert wished_seconds(header, NOW) == seconds


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Shanghai"])
@pytest.mark.parametrize(
    "header", ["Fri Jan 15 08:00:30 2027", "Friday, 15-Jan-27 08:00:30 GMT", "Fri, 15 Jan 2027 08:00:30 -0000"]
)
def test_every_form_of_a_date_is_universal_time(monkeypatch: pytest.MonkeyPatch, header: str, zone: str) -> None:
    """RFC 9110, section 5.6.7, which wants all three read."""
    with monkeypatch.context() as there:
        there.setenv("TZ", zone)
        time.tzset()
        seconds = wished_seconds(header, NOW)
    time.tzset()
    assert seconds == 30.0


@pytest.mark.parametrize("wish", ["0", "Fri, 15 Jan 2027 07:00:00 GMT", "1"])
def test_a_wish_makes_no_pause_shorter(wish: str) -> None:
    """A server with no more to say than "at once", or a clock that is behind, would be asked six times in a moment."""
    pauses: list[float] = []
    with pytest.raises(UnreachableError):
        give_up(patience(pauses, chance=0.0).trying("x"), TroubleError("busy", retry_after=wish))
    assert pauses[2:] == [1, 2, 4]


def test_a_wish_is_granted_in_full_and_never_early() -> None:
    pauses: list[float] = []
    patience(pauses, chance=0.0).trying("x").pause(TroubleError("busy", retry_after="60"))
    assert pauses == [60]


@pytest.mark.parametrize("wish", ["601", "9" * 400])
def test_a_wish_for_hours_ends_the_run(wish: str) -> None:
    with pytest.raises(UnreachableError, match="wants to be left alone for") as caught:
        patience([]).trying("x").pause(TroubleError("busy", retry_after=wish))
    assert "wait that long" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ('"api";r=0;t=123', 123.0),
        ('"api"; r=0; t=7', 7.0),
        ('"api";r=40;t=3000, "resolvers";r=0;t=30', 30.0),
        ('"api";t=5', 5.0),
        ("limit=100, remaining=0", None),
        ('"api";r=0;t=soon', None),
        ("", None),
    ],
)
def test_when_a_servers_count_begins_anew(header: str, seconds: float | None) -> None:
    assert reset_seconds(header) == seconds


def test_what_else_is_known_counts_where_the_server_wishes_nothing() -> None:
    pauses: list[float] = []
    trying = patience(pauses, chance=0.0).trying("x")
    trying.pause(TroubleError("busy", unless_said=30.0))
    trying.pause(TroubleError("busy", retry_after="5", unless_said=30.0))
    assert pauses == [30, 5]
