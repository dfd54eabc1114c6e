"""The checks of the house, each by name: `nox -s types`. Without a name, those of every commit."""

from pathlib import Path

import nox

nox.options.sessions = ["style", "types", "layers", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"

# What `migrations` and the tests need beside the program itself.
EDITABLE = ("-e", ".")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything, on a real Postgres of its own."""
    session.install(*EDITABLE, "--group", "test")
    session.run("pytest", *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13"])
def matrix(session: nox.Session) -> None:
    """The same on every supported Python that the machine has."""
    session.install(*EDITABLE, "--group", "test")
    session.run("pytest", *session.posargs)


@nox.session
def gateway(session: nox.Session) -> None:
    """A thousand payments through a hostile gateway, with both sides killed at random."""
    session.install(*EDITABLE, "--group", "test")
    files = ("tests/faults/test_gateway.py", "-s")
    session.run("pytest", *files, *session.posargs, env={"DAYBOOK_TEST_PAYMENTS": "1000"})


@nox.session
def campaigns(session: nox.Session) -> None:
    """A long run of faults, and its figures in docs/reliability.md: `nox -s campaigns -- NAME`."""
    session.install(*EDITABLE, "--group", "test")
    session.run("python", "-m", "tests.campaigns", *session.posargs, env={"PYTHONPATH": ".:http"})


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strictly."""
    session.install(*EDITABLE, "--group", "test", "--group", "style", "nox")
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Imports run one way."""
    session.install(*EDITABLE, "--group", "style")
    session.run("lint-imports", env={"PYTHONPATH": ".:http"})


@nox.session
def style(session: nox.Session) -> None:
    """ruff: rules and format."""
    session.install("ruff>=0.14")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, installed elsewhere, boots a bank, posts to it and verifies it."""
    session.install("build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", folder, silent=True)
    built = max(Path(folder).glob("*.whl"))
    session.install("--force-reinstall", str(built))
    with session.chdir(folder):
        session.run("daybook", "demo", "--check", "--data", f"{folder}/bank")


@nox.session
def openapi(session: nox.Session) -> None:
    """Write http/openapi.json anew, with the examples as they are; a test compares it with the program."""
    session.install(*EDITABLE)
    with open("http/openapi.json", "w") as file:
        session.run("python", "-m", "api.app", stdout=file)


@nox.session
def examples(session: nox.Session) -> None:
    """Make every call of the API on a bank of its own, and write what has changed of the examples."""
    session.install(*EDITABLE, "--group", "test")
    session.run("python", "-m", "tests.examples", env={"PYTHONPATH": ".:http"})


@nox.session
def bench(session: nox.Session) -> None:
    """The figures of docs/benchmarks.md, side by side, in one run."""
    session.install(*EDITABLE)
    session.run("daybook", "bench", *session.posargs)
