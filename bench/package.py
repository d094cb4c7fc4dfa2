"""How large the layers and functions are that `sam build` makes, zipped as they are uploaded and unzipped."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench import functions
from devtools.local_stack import invoke, sam_template
from devtools.local_stack.build import Build

MB = 1_000_000
# Lambda's word for bytecode that Python takes without a look at its source: the third field of a .pyc's head.
_UNCHECKED = 0b01


@dataclass(frozen=True, slots=True)
class Size:
    """One layer or function; bytes. `compiled` of its `sources` have bytecode that is taken without a check."""

    name: str
    zipped: int
    unzipped: int
    files: int
    sources: int
    compiled: int


def sizes(build: Build) -> list[Size]:
    """Each layer, then each function."""
    template = sam_template.load(build.template)
    folders = [*functions.LAYERS, *(invoke.logical_id_of(name, template) for name in functions.names(template))]
    return [size(build.path / folder) for folder in folders]


def size(folder: Path) -> Size:
    """All files of `folder`, zipped by deflate with one time for all, as SAM does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
    return Size(
        name=folder.name,
        zipped=len(made.getvalue()),
        unzipped=sum(path.stat().st_size for path in files),
        files=len(files),
        sources=sum(path.suffix == ".py" for path in files),
        compiled=sum(path.suffix == ".pyc" and unchecked(path) for path in files),
    )


def unchecked(bytecode: Path) -> bool:
    """Whether Python takes this bytecode without a look at its source: by hash, and the hash not compared."""
    with bytecode.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") == _UNCHECKED


def figures(found: Sequence[Size]) -> dict[str, float]:
    """What has a budget: all together, MB, and what of the layers would be compiled at each cold start."""
    layers = [one for one in found if one.name in functions.LAYERS]
    return {
        "all zipped, MB": sum(one.zipped for one in found) / MB,
        "all unzipped, MB": sum(one.unzipped for one in found) / MB,
        "sources of the layers without bytecode": sum(one.sources - one.compiled for one in layers),
    }


def table(found: Sequence[Size]) -> Table:
    """The layers one by one, the functions together."""
    made = Table(title="Package", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("zipped MB", "unzipped MB", "files", "sources", "compiled"):
        made.add_column(head, justify="right")
    layers = [one for one in found if one.name in functions.LAYERS]
    rest = [one for one in found if one not in layers]
    rows = {one.name: [one] for one in layers} | {f"{len(rest)} functions": rest}
    for name, some in (rows | {"all": list(found)}).items():
        made.add_row(
            name,
            f"{sum(one.zipped for one in some) / MB:.3f}",
            f"{sum(one.unzipped for one in some) / MB:.3f}",
            *(f"{sum(getattr(one, field) for one in some):,}" for field in ("files", "sources", "compiled")),
        )
    return made
