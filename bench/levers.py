"""What each thing that was done for a short start is worth: the start of one function with it and without."""

import compileall
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

import botocore
from rich.table import Table

from bench import functions, instructions, package
from bench.functions import LAYERS
from devtools.local_stack import invoke, sam_template
from devtools.local_stack.build import Build

# A copy of the function's folder and the layers, to be changed: folder of the function, packages, our own layer.
Change = Callable[[Path, Path, Path], None]


@dataclass(frozen=True, slots=True)
class Lever:
    """A start, millions of instructions, and the zipped package."""

    words: str
    instructions_m: float
    zipped_mb: float


def _nothing(_code: Path, _packages: Path, _ours: Path) -> None:
    return


def _no_bytecode(_code: Path, packages: Path, ours: Path) -> None:
    for folder in (packages, ours):
        for cache in list(folder.rglob("__pycache__")):
            shutil.rmtree(cache)


def _checked(_code: Path, packages: Path, ours: Path) -> None:
    for folder in (packages, ours):
        _compile(folder, PycInvalidationMode.TIMESTAMP)


def _compiled_too(code: Path, _packages: Path, _ours: Path) -> None:
    _compile(code, PycInvalidationMode.UNCHECKED_HASH)


def _all_data(_code: Path, packages: Path, _ours: Path) -> None:
    data = packages / "botocore" / "data"
    shutil.rmtree(data)
    shutil.copytree(Path(botocore.__file__).parent / "data", data)


def _with_nacl(code: Path, _packages: Path, _ours: Path) -> None:
    app = code / "app.py"
    app.write_text(f"import nacl.signing\n{app.read_text()}")


def _compile(folder: Path, mode: PycInvalidationMode) -> None:
    compileall.compile_dir(folder, quiet=2, force=True, invalidation_mode=mode)


CHANGES: dict[str, Change] = {
    "as it is built": _nothing,
    "the function's own file compiled, too": _compiled_too,
    "PyNaCl loaded where nothing is verified": _with_nacl,
    "bytecode that is checked against its source": _checked,
    "all of botocore's data": _all_data,
    "no bytecode": _no_bytecode,
}


def run(build: Build, name: str, watch: Callable[[], None]) -> list[Lever]:
    """The start of `name` with each change, then what a TLS context takes with Amazon's roots and with all."""
    template = sam_template.load(build.template)
    variables = functions.variables_of(name, template, invoke.NOWHERE)
    paths = functions.paths_of(name, build.path, template)
    with tempfile.TemporaryDirectory(prefix="levers-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:

        def changed(number: int, words: str, change: Change) -> Lever:
            copies = [Path(folder) / f"{number}" / part for part in ("code", *LAYERS)]
            for path, copy in zip(paths, copies, strict=True):
                shutil.copytree(path, copy)
            change(copies[0], copies[1], copies[2])
            zipped = sum(package.size(copy).zipped for copy in copies)
            made = Lever(words, instructions.counted(copies, variables), zipped / package.MB)
            watch()
            return made

        jobs = [pool.submit(changed, number, *row) for number, row in enumerate(CHANGES.items())]
        return [job.result() for job in jobs] + _contexts(Path(folder), paths[1], watch)


def _contexts(folder: Path, packages: Path, watch: Callable[[], None]) -> list[Lever]:
    roots = {"Amazon's five roots": "amazon-roots.pem", "all roots": "certifi/cacert.pem"}
    lines = {
        words: f"ssl.create_default_context(cafile={str(packages / file)!r})" for words, file in roots.items()
    }
    counts = {}
    for number, (words, line) in enumerate(({"": ""} | lines).items()):
        code = folder / f"context-{number}"
        code.mkdir()
        (code / "app.py").write_text(f"import ssl\n{line}\n")
        counts[words] = instructions.counted([code], {})
        watch()
    return [Lever(f"a TLS context with {words}", counts[words] - counts[""], 0.0) for words in roots]


def steps() -> int:
    """How often `run` calls its `watch`."""
    return len(CHANGES) + 3


def table(name: str, found: Sequence[Lever]) -> Table:
    """A line for each."""
    title = f"The start of {name}, millions of instructions"
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("instructions", "more", "zipped MB"):
        made.add_column(head, justify="right")
    first = found[0].instructions_m
    for one in found:
        alone = not one.zipped_mb
        more = one.instructions_m if alone else one.instructions_m - first
        made.add_row(
            one.words,
            "" if alone else f"{one.instructions_m:,.0f}",
            f"{more:+,.0f} ({more / first:+.1%})",
            "" if alone else f"{one.zipped_mb:.2f}",
        )
    return made
