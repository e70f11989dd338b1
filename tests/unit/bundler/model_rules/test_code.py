"""Nothing in a model runs code unless the manifest says so, and then the code is there."""

import json
from pathlib import Path

import pytest

from bundler.model_rules.code import missing_programs, pickles, programs
from tests.unit.bundler.model_rules.folder import said_by


@pytest.mark.parametrize(
    "ending", ["bin", "pt", "pth", "ckpt", "pkl", "pickle", "joblib", "h5", "keras", "npy", "BIN", "Pkl"]
)
def test_pickles_need_to_be_allowed(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"weights.{ending}").touch()
    assert len(said_by(pickles, tmp_path)) == 1
    assert len(said_by(pickles, tmp_path, "code")) == 1
    assert said_by(pickles, tmp_path, "pickle") == []


def test_programs_need_to_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "custom_generate").mkdir()
    (tmp_path / "custom_generate/generate.py").touch()
    assert said_by(programs, tmp_path) == ["model: custom_generate/generate.py: a program"]
    assert said_by(programs, tmp_path, "code") == []


def test_what_is_not_fetched_yet_is_refused_by_its_name() -> None:
    assert [str(problem) for problem in pickles({"x.bin": None}, ())] != []
    assert [str(problem) for problem in programs({"x.py": None, "config.json": None}, ())] == ["model: x.py: a program"]


@pytest.mark.parametrize("text", ['{"auto_map": {}}', '{"a": [{"auto_map": 1}]}', '{"auto\\u005fmap": {}}'])
@pytest.mark.parametrize("name", ["config.json", "processor_config.json"])
def test_auto_map_needs_to_be_allowed(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)
    assert said_by(programs, tmp_path) == [f"model: {name}: auto_map names code of the model to run"]
    assert said_by(programs, tmp_path, "code") == []


def test_auto_map_is_found_in_a_long_file(tmp_path: Path) -> None:
    for filling in (0, (5 << 20) - 3):
        (tmp_path / "tokenizer.json").write_text(
            '{"x": "' + "y" * filling + '", "auto_map": {}, "z": "' + "y" * (6 << 20) + '"}'
        )
        assert len(said_by(programs, tmp_path)) == 1


@pytest.mark.parametrize("name", ["tokenizer_config.json", "tokenizer.json"])
def test_auto_map_is_found_in_a_long_file_however_it_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"\\u0061uto_map": {}, "pad": "' + "x" * (5 << 20) + '"}')
    assert said_by(programs, tmp_path) == [f"model: {name}: auto_map names code of the model to run"]


def test_a_plain_model_has_no_program(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2", "rope": 1e6, "text": "auto_map"}')
    (tmp_path / "model.safetensors").touch()
    assert said_by(programs, tmp_path) == []
    assert said_by(pickles, tmp_path) == []


AUTO_MAP = {"AutoConfig": "configuration_x.Config", "AutoTokenizer": ["deep.tokenization_x.Slow", None]}


def test_allowed_code_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": AUTO_MAP}))
    assert said_by(missing_programs, tmp_path) == []
    assert said_by(missing_programs, tmp_path, "code") == [
        "model: config.json: auto_map names 'configuration_x.Config', but configuration_x.py is not in the model",
        "model: config.json: auto_map names 'deep.tokenization_x.Slow', but deep/tokenization_x.py is not in the model",
    ]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/tokenization_x.py").touch()
    (tmp_path / "configuration_x.py").touch()
    assert said_by(missing_programs, tmp_path, "code") == []


def test_allowed_code_must_be_there_however_deep_it_is_named(tmp_path: Path) -> None:
    inner = {"text_config": {"auto_map": {"AutoConfig": "a.X"}}, "towers": [{"auto_map": {"AutoModel": "b.X"}}]}
    (tmp_path / "config.json").write_text(json.dumps(inner))
    assert [problem.partition(", but ")[2] for problem in said_by(missing_programs, tmp_path, "code")] == [
        "a.py is not in the model",
        "b.py is not in the model",
    ]


def test_the_deepest_auto_map_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a": ' + "[" * 900 + '{"auto_map": {}}' + "]" * 900 + "}")
    assert len(said_by(programs, tmp_path)) == 1


def with_program(folder: Path, text: str) -> None:
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "modeling_x.Model"}}')
    (folder / "modeling_x.py").write_text(text)


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("from .helper import h", "helper.py"),
        ("from .deep.helper import h", "deep/helper.py"),
        ("from . import helper", "helper.py"),
        ("try:\n    from .helper import h\nexcept ImportError:\n    pass", "helper.py"),
        ("def f():\n    from .helper import h", "helper.py"),
    ],
)
def test_what_allowed_code_imports_from_beside_it_must_be_there(tmp_path: Path, text: str, program: str) -> None:
    with_program(tmp_path, text)
    assert said_by(missing_programs, tmp_path) == []
    assert said_by(missing_programs, tmp_path, "code") == [
        f"model: modeling_x.py imports {program}, which is not in the model"
    ]
    (tmp_path / program).parent.mkdir(exist_ok=True)
    (tmp_path / program).touch()
    assert said_by(missing_programs, tmp_path, "code") == []


def test_imports_are_followed_in_turn_and_in_a_circle(tmp_path: Path) -> None:
    with_program(tmp_path, "from .a import x")
    (tmp_path / "a.py").write_text("from .modeling_x import Model\nfrom .b import y")
    assert said_by(missing_programs, tmp_path, "code") == ["model: a.py imports b.py, which is not in the model"]


def test_an_import_may_name_a_package_or_what_is_in_its_init(tmp_path: Path) -> None:
    with_program(tmp_path, "from .parts import x\nfrom .parts.y import z\nimport torch\nfrom torch import nn")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("from . import y, x\nfrom ..modeling_x import Model")
    (tmp_path / "parts/y.py").touch()
    assert said_by(missing_programs, tmp_path, "code") == []


def test_an_import_that_leaves_the_model_finds_nothing(tmp_path: Path) -> None:
    with_program(tmp_path, "from ..outside import x")
    assert said_by(missing_programs, tmp_path, "code") == [
        "model: modeling_x.py imports ../outside.py, which is not in the model"
    ]


@pytest.mark.parametrize("text", ["def f(:", "x = '\x00'", "(" * 100_000, "from .a"])
def test_a_program_that_cannot_be_read_here_is_the_servers_to_judge(tmp_path: Path, text: str) -> None:
    """It may be in the words of a newer Python."""
    with_program(tmp_path, text)
    assert said_by(missing_programs, tmp_path, "code") == []


def test_programs_that_nothing_names_may_import_what_they_like(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("from .trainer import T")
    assert said_by(missing_programs, tmp_path, "code") == []


def test_code_of_another_repository_would_be_fetched_on_site(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "other/repo--modeling_x.Model"}}')
    (problem,) = said_by(missing_programs, tmp_path, "code")
    assert "code of another repository" in problem


@pytest.mark.parametrize("text", ["[]", "{", '{"auto_map": 7}', '{"auto_map": {"a": [1, null, {}]}}'])
def test_an_auto_map_that_is_none_names_no_program(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert said_by(missing_programs, tmp_path, "code") == []
