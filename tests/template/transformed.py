"""Prints templates as SAM makes them for CloudFormation, as a list in JSON.

Executed by the SAM CLI's own interpreter, which has the translator and knows nothing of this package.
"""

import json
import os
import sys


class NoPolicies:
    """The translator wants to know the ARNs of policies that are named; none is."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    """`transformed.py TEMPLATE ...`."""
    from samtranslator.translator.transform import transform  # type: ignore[import-not-found, unused-ignore]
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found, unused-ignore]

    # The name of AWS's partition follows from it.
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    made = []
    for path in sys.argv[1:]:
        with open(path) as file:
            template = yaml_parse(file.read())
        for resource in template["Resources"].values():
            for name in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
                # As after `sam package`, which names what it uploads after its content.
                resource["Properties"][name] = f"s3://bucket/{resource['Properties'][name]}"
        made.append(transform(template, {}, NoPolicies()))
    json.dump(made, sys.stdout, default=str)


if __name__ == "__main__":
    main()
