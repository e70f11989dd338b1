"""The log of `strace -f -y` that tells how often the medium was read."""

import pytest
from benches.strace_log import bytes_read

MEDIUM = "/media/usb/bundle"
SHARD = f"{MEDIUM}/model/tiny/model-00001-of-00002.safetensors"


def read_by(*lines: str) -> int:
    return bytes_read(lines, MEDIUM)


@pytest.mark.parametrize(
    ("call", "count"),
    [
        (f'read(3<{SHARD}>, ""..., 131072) = 131072', 131072),
        (f'pread64(3<{SHARD}>, ""..., 1048576, 4096) = 812', 812),
        (f'readv(3<{SHARD}>, [{{iov_base=""..., iov_len=10}}, {{iov_base="", iov_len=10}}], 2) = 10', 10),
        (f'preadv(13<{SHARD}>, [{{iov_base=""..., iov_len=1048576}}], 1, 67108864) = 1048576', 1048576),
        (f'preadv2(13<{SHARD}>, [{{iov_base=""..., iov_len=512}}], 1, 0, 0) = 512', 512),
        (f"mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, 3<{SHARD}>, 0) = 0x7f20a8c00000", 65536),
        (f"sendfile(1</root/copy>, 3<{SHARD}>, NULL, 2147479552) = 700", 700),
        (f"sendfile(1</root/copy>, 3<{SHARD}>, [0] => [700], 2147479552) = 700", 700),
        (f"splice(3<{SHARD}>, NULL, 1<pipe:[4711]>, NULL, 65536, 0) = 65536", 65536),
        (f"copy_file_range(3<{SHARD}>, NULL, 4</root/copy>, NULL, 9223372035781033984, 0) = 99", 99),
    ],
)
def test_every_way_to_read_counts(call: str, count: int) -> None:
    assert read_by(f"812   {call}") == count


@pytest.mark.parametrize(
    "line",
    [
        '812 read(3</media/usb/bundle.old/install>, ""..., 512) = 512',
        '812 read(3</var/lib/vllm-airgap/media/usb/bundle/install>, ""..., 512) = 512',
        "812 sendfile(1</media/usb/bundle/install>, 3</root/copy>, NULL, 700) = 700",
        "812 splice(5<pipe:[1]>, NULL, 4</media/usb/bundle/install>, NULL, 65536, 0) = 65536",
        "812 copy_file_range(3</root/copy>, NULL, 4</media/usb/bundle/install>, NULL, 9, 0) = 9",
        "812 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f20a8c00000",
        f"812 read(3<{SHARD}>, 0x7ffd, 512) = -1 EIO (Input/output error)",
        f"812 mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, 3<{SHARD}>, 0) = -1 ENODEV (No such device)",
        f"812 read(3<{SHARD}>, 0x7ffd, 512) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
        f'812 write(3<{SHARD}>, ""..., 512) = 512',
        f'812 openat(AT_FDCWD</media/usb/bundle>, "install", O_RDONLY) = 3<{SHARD}>',
        f'812 read(3<{SHARD}>, "", 512) = 0',
        "812 +++ exited with 0 +++",
        "812 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=813} ---",
        "strace: Process 813 attached",
    ],
)
def test_what_is_no_read_of_the_medium_does_not_count(line: str) -> None:
    assert read_by(line) == 0


def test_a_call_that_another_process_broke_into_counts_once() -> None:
    assert (
        read_by(
            f"812 preadv(13<{SHARD}>,  <unfinished ...>",
            f'813 preadv(13<{SHARD}>, [{{iov_base=""..., iov_len=512}}], 1, 512) = 512',
            '812 <... preadv resumed>[{iov_base=""..., iov_len=300}], 1, 0) = 300',
        )
        == 812
    )


def test_two_broken_calls_are_told_apart_by_their_process() -> None:
    assert (
        read_by(
            "812 read(3</root/copy>,  <unfinished ...>",
            f"813 read(3<{SHARD}>,  <unfinished ...>",
            '812 <... read resumed>""..., 512) = 100',
            '813 <... read resumed>""..., 512) = 7',
        )
        == 7
    )


def test_a_process_killed_within_a_call_has_read_nothing() -> None:
    assert (
        read_by(
            f"812 read(3<{SHARD}>,  <unfinished ...>",
            "812 <... read resumed> <unfinished ...>) = ?",
            "812 +++ killed by SIGKILL +++",
        )
        == 0
    )


def test_the_same_bytes_read_again_count_again() -> None:
    line = f'812 read(3<{SHARD}>, ""..., 512) = 512'
    assert read_by(line, line) == 1024
