"""The style of the house, as far as a program can see it."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["domain", "ledger", "application", "readmodels", "http/api", "migrations", "daybook"]
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CORE = sorted(path for package in ("domain", "ledger") for path in (ROOT / package).rglob("*.py"))
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 70
# The verifier is one file, so that it can be carried to a machine that has nothing of ours.
ONE_FILE_BY_DESIGN = {"daybook/daybook_verify.py"}
NAMES_THAT_SAY_NOTHING = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "base",
    "services",
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_and_its_functions_are_short_enough_to_be_read(path: Path) -> None:
    text = path.read_text()

    long_functions = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LINES_OF_A_FUNCTION
    ]

    assert long_functions == []
    assert len(text.splitlines()) <= LINES_OF_A_FILE or named(path) in ONE_FILE_BY_DESIGN


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_says_what_it_is_for_and_its_name_says_something(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert path.stem not in NAMES_THAT_SAY_NOTHING


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name == "__init__.py"], ids=named
)
def test_an_init_says_what_the_folder_is_for_and_nothing_else(path: Path) -> None:
    assert len(ast.parse(path.read_text()).body) == 1


@pytest.mark.parametrize("path", CORE, ids=named)
def test_no_float_comes_near_the_core(path: Path) -> None:
    floats = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]

    assert floats == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_name_is_taken_by_the_standard_library_or_a_dependency(package: str) -> None:
    name = package.rsplit("/", 1)[-1]

    assert name not in sys.stdlib_module_names
    assert set(packages_distributions().get(name, [])) <= {"daybook"}


def test_http_is_no_package_for_it_would_shadow_the_standard_library() -> None:
    assert not (ROOT / "http" / "__init__.py").exists()
