"""Options of `vllm serve` are understood however they are spelled."""

import pytest

from installer.index.serve_options import option_value, option_values


@pytest.mark.parametrize(
    "args", [("--quantization", "awq"), ("--quantization=awq",), ("-q", "awq"), ("-q=awq",), ("--x", "-q", "awq")]
)
def test_every_spelling(args: tuple[str, ...]) -> None:
    assert option_value(args, "quantization") == "awq"


def test_underscores_are_dashes_and_the_last_one_counts() -> None:
    args = ("--max_num_seqs", "4", "--max-num-seqs", "8")
    assert option_value(args, "max-num-seqs") == "8"


def test_a_switch_has_no_value() -> None:
    assert list(option_values(("--enforce-eager", "--dtype", "half"))) == [("enforce-eager", ""), ("dtype", "half")]
    assert option_value((), "dtype") == ""
