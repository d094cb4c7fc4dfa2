"""Takes out of the installed packages what a start would read for nothing: `python lean.py FOLDER SERVICE ...`."""

# Run by the Makefile beside it, on any Python 3.13 and with nothing installed.

import gzip
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

# Those that Amazon Trust Services asks every custom trust store to have: https://www.amazontrust.com/repository
ROOTS = (
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
)
# What `phonenumbers.timezone` does without: places, carriers and short numbers by their prefixes, and types.
NOT_ZONES = ("geodata", "carrierdata", "geocoder.py", "carrier.py", "shortdata/region_*.py", "**/*.pyi")
_CERTIFICATE = re.compile(
    r'^# Label: "([^"]*)"$.*?(^-----BEGIN CERTIFICATE-----$.*?^-----END CERTIFICATE-----$\n)', re.M | re.S
)


def lean(packages: Path, services: set[str]) -> None:
    """`packages` with the data of these services alone, without prose, and with Amazon's own roots.

    And of what is known of the world's phone numbers, that by which their time zones are found.
    """
    data = packages / "botocore" / "data"
    _cut_endpoints(data / "endpoints.json", services)
    for model in data.glob("*/*/service-2.json.gz"):
        words = _without_prose(json.loads(gzip.decompress(model.read_bytes())))
        for parameter in words.get("clientContextParams", {}).values():
            # S3 has such, and botocore asks for theirs.
            parameter["documentation"] = ""
        model.with_suffix("").write_text(_compact(words))
        model.unlink()
    for example in data.glob("*/*/examples-1.json"):
        example.unlink()
    _keep_zones(packages / "tzdata")
    _drop(packages / "phonenumbers", NOT_ZONES)
    _pick_roots(packages / "certifi" / "cacert.pem", packages / "amazon-roots.pem")


# Any: JSON.
def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _cut_endpoints(path: Path, services: set[str]) -> None:
    """Every region stays, and of each the services that are used: the rest is a fifth of a cold start."""
    found = json.loads(path.read_text())
    for partition in found["partitions"]:
        partition["services"] = {
            name: endpoints for name, endpoints in partition["services"].items() if name in services
        }
    path.write_text(_compact(found))


def _without_prose(value: Any) -> Any:
    """A model without its descriptions; a member that has the name `documentation` is none."""
    if isinstance(value, dict):
        return {
            name: _without_prose(inner)
            for name, inner in value.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return [_without_prose(inner) for inner in value] if isinstance(value, list) else value


def _keep_zones(data: Path) -> None:
    """All zones by all their names, as a request may name any; not the other tables of them."""
    names = set((data / "zones").read_text().split())
    if missing := [name for name in sorted(names) if not (data / "zoneinfo" / name).is_file()]:
        raise SystemExit(f"{data} has no {', '.join(missing)}.")
    for path in [path for path in (data / "zoneinfo").rglob("*") if path.is_file()]:
        if path.relative_to(data / "zoneinfo").as_posix() not in names and path.suffix != ".py":
            path.unlink()


def _drop(package: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        found = list(package.glob(pattern))
        if not found:
            raise SystemExit(f"{package} has no {pattern}.")
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _pick_roots(every: Path, ours: Path) -> None:
    found = dict(_CERTIFICATE.findall(every.read_text()))
    if missing := [name for name in ROOTS if name not in found]:
        raise SystemExit(f"{every} has no {', '.join(missing)}.")
    ours.write_text("".join(found[name] for name in ROOTS))


if __name__ == "__main__":
    lean(Path(sys.argv[1]), set(sys.argv[2:]))
