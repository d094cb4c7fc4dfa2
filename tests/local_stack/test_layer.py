"""What the build takes out of the packages changes nothing that AWS would see, and no date."""

import gzip
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import certifi
import phonenumbers
import pytest
import tzdata  # type: ignore[import-untyped]  # it has no types
from botocore.loaders import Loader
from botocore.session import Session

from devtools.local_stack.layout import ROOT
from longcode.domain import zones

SERVICES = {"dynamodb", "events", "s3", "secretsmanager", "sqs"}
ALL = Path(botocore.__file__).parent / "data"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lean", ROOT / "layers" / "dependencies" / "lean.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer's packages as far as the script reads them, after it."""
    folder = tmp_path_factory.mktemp("packages")
    unused = [path.name for path in ALL.iterdir() if path.is_dir() and path.name not in SERVICES]
    shutil.copytree(ALL, folder / "botocore" / "data", ignore=shutil.ignore_patterns(*unused))
    (folder / "certifi").mkdir()
    shutil.copy(certifi.where(), folder / "certifi" / "cacert.pem")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(tzdata.__file__).parent, folder / "tzdata", ignore=without)
    shutil.copytree(Path(phonenumbers.__file__).parent, folder / "phonenumbers", ignore=without)
    script().lean(folder, SERVICES)
    return folder


def session(data: Path) -> Session:
    made = Session()
    made.set_credentials("test", "test")
    # Its own: the other tests' sessions share one.
    made.register_component(
        "data_loader", Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    )
    return made


def regions() -> list[str]:
    found = json.loads((ALL / "endpoints.json").read_text())
    return [region for partition in found["partitions"] for region in partition["regions"]]


def alone(packages: Path, code: str) -> str:
    """What some code prints that has the layers and nothing else, no zones of the machine either."""
    path = os.pathsep.join((str(packages), str(ROOT / "layers/longcode/python")))
    environment = {"PYTHONPATH": path, "PYTHONTZPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    shown = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert shown.stderr == ""
    return shown.stdout


def test_the_days_of_carriers_need_no_zones_of_the_machine(packages: Path) -> None:
    code = "from longcode.domain.pacific import day_of, next_day_ms as end; print(day_of(NOW), end(NOW))"

    assert alone(packages, code.replace("NOW", "1795766400000")) == "2026-11-27 1795852800000\n"


def test_the_zones_of_numbers_are_those_of_the_whole_library_and_all_zones_are_there(packages: Path) -> None:
    example, parse = phonenumbers.example_number_for_type, phonenumbers.parse
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    found = [example(region, kind) for region in sorted(phonenumbers.SUPPORTED_REGIONS) for kind in kinds]
    numbers = [phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164) for one in found if one]
    numbers += ["+12025550123", "+12085550123", "+18005550123", "+15555550123"]
    code = f"from longcode.domain import zones; print([zones.of_number(number) for number in {numbers}])"

    assert len(numbers) > 450
    assert alone(packages, code) == f"{[zones.of_number(number) for number in numbers]}\n"
    assert all(phonenumbers.is_possible_number(parse(number)) for number in numbers)
    code = """from longcode.domain import zones
assert len(zones._names()) > 590
print([zones.offset_ms(1795766400000, name) for name in sorted(zones._names())].count(0) > 20)"""
    assert alone(packages, code) == "True\n"


def test_of_the_worlds_numbers_and_zones_only_what_zones_are_found_by_is_shipped(packages: Path) -> None:
    whole, ours = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for folder in (Path(phonenumbers.__file__).parent, packages / "phonenumbers")
    )

    size = sum((packages / "phonenumbers" / name).stat().st_size for name in ours)
    assert size < 1_500_000
    assert not [name for name in ours if name.startswith(("geodata", "carrierdata")) or name.endswith(".pyi")]
    assert {name for name in whole if name.startswith(("data/", "tzdata/")) and name.endswith(".py")} <= ours
    zoneinfo = packages / "tzdata/zoneinfo"
    listed = set((packages / "tzdata/zones").read_text().split())
    shipped = {path.relative_to(zoneinfo).as_posix() for path in zoneinfo.rglob("*") if path.is_file()}
    assert {name for name in shipped if not name.endswith(".py")} == listed


def test_a_package_without_what_is_taken_out_of_it_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "geodata").mkdir()

    with pytest.raises(SystemExit, match="has no carrierdata"):
        script()._drop(tmp_path, script().NOT_ZONES)
    assert not (tmp_path / "geodata").exists()


def test_every_service_is_called_at_the_same_address_in_every_region(packages: Path) -> None:
    lean, whole = session(packages / "botocore" / "data"), session(ALL)

    def places(made: Session) -> dict[tuple[str, str], tuple[str, str]]:
        found = {}
        for region in regions():
            for name in SERVICES:
                meta = made.create_client(name, region).meta
                found[name, region] = (meta.endpoint_url, meta.partition)
        return found

    assert len(regions()) > 30
    assert places(lean) == places(whole)
    for partition in whole.get_available_partitions():
        for name in SERVICES:
            assert lean.get_available_regions(name, partition) == whole.get_available_regions(name, partition)
    assert {lean.get_partition_for_region(region) for region in regions()} > {"aws", "aws-cn"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_model_loses_its_prose_and_nothing_else(packages: Path, name: str) -> None:
    lean = session(packages / "botocore" / "data").get_service_model(name)
    whole = session(ALL).get_service_model(name)

    def shapes(model: Any) -> dict[str, Any]:
        return {
            shape: (
                found.type_name,
                dict(found.metadata),
                {name: (each.name, each.serialization) for name, each in getattr(found, "members", {}).items()},
                getattr(found, "required_members", None),
            )
            for shape in model.shape_names
            for found in [model.shape_for(shape)]
        }

    assert list(lean.operation_names) == list(whole.operation_names)
    assert lean.metadata == whole.metadata
    assert [(one.name, one.type) for one in lean.client_context_parameters] == [
        (one.name, one.type) for one in whole.client_context_parameters
    ]
    assert shapes(lean) == shapes(whole)
    (path,) = (packages / "botocore" / "data" / name).glob(f"{lean.api_version}/service-2.json*")
    assert path.suffix == ".json"
    original = (ALL / name / lean.api_version / "service-2.json.gz").read_bytes()
    assert len(path.read_bytes()) < len(gzip.decompress(original)) / 2


def test_a_list_without_one_of_amazons_roots_stops_the_build(tmp_path: Path) -> None:
    listed = tmp_path / "cacert.pem"
    listed.write_text(Path(certifi.where()).read_text().replace("Amazon Root CA 3", "Another"))

    with pytest.raises(SystemExit, match="has no Amazon Root CA 3"):
        script()._pick_roots(listed, tmp_path / "out.pem")


def test_the_roots_are_those_of_the_whole_list(packages: Path) -> None:
    picked, every = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    picked.load_verify_locations(packages / "amazon-roots.pem")
    every.load_verify_locations(certifi.where())

    roots = picked.get_ca_certs(binary_form=True)
    assert len(roots) == 5
    assert set(roots) <= set(every.get_ca_certs(binary_form=True))
