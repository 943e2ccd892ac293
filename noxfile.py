"""The gates of the project: ``nox`` runs them all, ``nox -s NAME`` one of them."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DIST = Path("dist")
EXTRAS = "aiohttp,cli,cost,fastapi,httpx2,metrics,pandas,plot,polars,pyannote,redis"
# Pure and small enough that each branch has a test; the other layers have the overall bound.
CORE_LAYERS = ",".join(
    f"*/mavi_async/{name}"
    for name in [
        "_errors.py",
        "_segments.py",
        "_answers.py",
        "_asset.py",
        "_asset_wire.py",
        "_arguments.py",
        "_backoff.py",
        "_batch_records.py",
        "_bridges.py",
        "_cleanup.py",
        "_configuration.py",
        "_diarization.py",
        "_diarized.py",
        "_json.py",
        "_legible.py",
        "_multipart.py",
        "_pacing.py",
        "_records.py",
        "_registry.py",
        "_retry.py",
        "_signed_url.py",
        "_rows.py",
        "_structure.py",
        "_sweep.py",
        "_talk.py",
        "_wire.py",
        "_words.py",
        "formats/*",
    ]
)

TYPE_CHECKERS = (("mypy",), ("pyright", "--warnings"))
# Most tests wait rather than compute. A page's code blocks build on each other: one process each.
# The files stay in the order of conftest.py, which lets those start first that take longest.
PARALLEL = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")
TOGETHER = ("-m", "not alone and not torture")
ALONE = ("-m", "alone and not torture")
# Names of tests, whole ones, so that they fit no parameter of another test in another file.
# The tests of the tests: with a bug put in, a property must break.
PLANTED = ["test_a_planted_bug_is_noticed", "test_planted_leaks_are_found"]
# What repeats, thousands of times, lines that other tests run: coverage would only slow it down.
MANY = [
    "test_every_story_ends_well",
    "test_flood_of_unknown_jobs",
    "test_ten_thousand_tasks_leave_nothing",
    "test_thousands_of_submits_at_once",
    "test_thousands_of_tasks_leave_nothing",
]

# What starts processes, servers and browsers, or tells long stories, is by far the longest part,
# and hardly a matter of the version of Python: for the oldest Python only.
LONG = ["cli", "crash", "end_to_end", "examples", "faults", "pictures", "redis", "soak", "stateful"]

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["build", "lint", "typing", "docs", "tests", "coverage"]


def group(name: str) -> tuple[str, ...]:
    """The requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def files_with(*words: str) -> list[str]:
    """The files of tests with one of these words: to import all others takes seconds a process."""
    texts = {path: path.read_text("utf-8") for path in sorted(Path("tests").rglob("test_*.py"))}
    return [str(path) for path, text in texts.items() if any(word in text for word in words)]


def install(session: nox.Session, *requirements: str) -> None:
    """Install without compiling: most of the many modules are never imported."""
    session.install("--no-compile", *requirements)


def install_wheel(session: nox.Session, extras: str, *requirements: str) -> None:
    """Install what users get: the wheel that the build session made, not the checkout."""
    [wheel] = DIST.glob("*.whl")
    # In a reused environment pip would keep an older build of the same version.
    install(session, "--force-reinstall", "--no-deps", str(wheel))
    install(session, f"{wheel}[{extras}]", *requirements)


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdist, the wheel from that sdist, and look into the wheel."""
    session.install("build", "twine")
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST), silent=True)
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))
    [wheel] = DIST.glob("*.whl")
    names = ZipFile(wheel).namelist()
    foreign = [name for name in names if not name.startswith(("mavi_async/", "mavi_async-"))]
    if foreign or "mavi_async/py.typed" not in names:
        session.error(f"the wheel lacks py.typed or holds more than the package: {foreign}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with both checkers: package, tests, and the user files in tests/typing."""
    install(session, f".[{EXTRAS}]", *group("test"), *group("typing"))
    with ThreadPoolExecutor() as pool:
        checks = [pool.submit(session.run, *command) for command in TYPE_CHECKERS]
    for check in checks:
        check.result()


@nox.session(requires=["build"])
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning or an unresolved reference of ours fails."""
    install_wheel(session, EXTRAS, *group("docs"))
    session.run("sphinx-build", "-W", "-n", "-q", "--keep-going", "docs", "docs/_build/html")


@nox.session(python=PYTHONS, requires=["build"])
def tests(session: nox.Session) -> None:
    """Run the tests against the built wheel; under coverage and in full on the oldest Python."""
    install_wheel(session, EXTRAS, *group("test"))
    data = Path(f".coverage.py{session.python}").resolve()
    # Neither this run nor a process that a test starts may find the checkout before the wheel.
    env = {"COVERAGE_FILE": str(data), "PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    # Whoever asks for some tests may ask for none of one kind.
    codes = [0, 5] if session.posargs else [0]
    pytest = ["pytest"]
    apart = PLANTED
    if session.python == PYTHONS[0]:
        # The planted bugs do not depend on the version of Python.
        apart = PLANTED + MANY
        chosen = session.posargs or files_with(*apart)
        kind = (*PARALLEL, "--dist", "load", *TOGETHER, "-k", " or ".join(apart))
        session.run("pytest", *kind, *chosen, env=env, success_codes=codes)
        session.run("coverage", "erase", env=env)
        pytest = ["coverage", "run", "-m", "pytest"]
    together = [*PARALLEL, *TOGETHER, "-k", f"not ({' or '.join(apart)})"]
    if session.python != PYTHONS[0] and not session.posargs:
        together += [f"--ignore=tests/{folder}" for folder in LONG]
    session.run(*pytest, *together, *session.posargs, env=env, success_codes=codes)
    if session.python == PYTHONS[0]:
        # Clocks are the system's, whatever the Python.
        chosen = session.posargs or files_with("pytest.mark.alone")
        session.run(*pytest, *ALONE, *chosen, env=env, success_codes=codes)


@nox.session
def coverage(session: nox.Session) -> None:
    """Merge the coverage of the test sessions; the core layers need every branch."""
    session.install(*[name for name in group("test") if name.startswith("coverage")])
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=95")
    session.run("coverage", "report", f"--include={CORE_LAYERS}", "--fail-under=100")


@nox.session(default=False, requires=["build"])
def torture(session: nox.Session) -> None:
    """Run the long tests that the gate leaves out."""
    install_wheel(session, EXTRAS, *group("test"))
    env = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    session.run("pytest", "-m", "torture", *session.posargs, env=env)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks named on the command line, or all of them."""
    session.install(f".[{EXTRAS}]", *group("bench"))
    scripts = session.posargs or sorted(map(str, Path("benchmarks").glob("[!_]*.py")))
    for script in scripts:
        session.run("python", script)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run the demo as a user would: nothing but the `cli` extra."""
    session.install(".[cli]")
    session.run("mavi-async", "demo", *session.posargs)
