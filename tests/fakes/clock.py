"""Another time for a program that is started: a small library between it and the system's clock."""

import subprocess
from pathlib import Path

_SOURCE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) { return atol(getenv("CLOCK_SHIFT")); }

int clock_gettime(clockid_t which, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, now);
    if (which == CLOCK_REALTIME) now->tv_sec += shift();
    return failed;
}

time_t time(time_t *stored) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stored) *stored = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"""


def make_clock(folder: Path) -> Path:
    """The library, made by gcc."""
    source, made = folder / "clock.c", folder / "clock.so"
    source.write_text(_SOURCE)
    subprocess.run(("gcc", "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"), check=True)
    return made


def another_time(clock: Path, days: int) -> dict[str, str]:
    """What the environment must say for a program to be so many days ahead, or behind."""
    return {"LD_PRELOAD": str(clock), "CLOCK_SHIFT": str(days * 24 * 3600)}
