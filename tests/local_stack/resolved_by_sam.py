"""Run on the SAM CLI's own environment: what its code gives each function, of a template and a file of variables.

`python resolved_by_sam.py TEMPLATE VARIABLES ARCHITECTURE` prints {logical id: {"architecture", "variables"}}. It
is what `sam local invoke` does before it starts a container.
"""

import json
import sys

from samcli.commands.local.cli_common.invoke_context import InvokeContext  # type: ignore[import-not-found]
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner  # type: ignore[import-not-found]
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-not-found]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-not-found]


def main(template: str, variables: str, architecture: str) -> None:
    """Print it."""
    stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides={"Architecture": architecture})
    provider = SamFunctionProvider(stacks)
    runner = LocalLambdaRunner(
        None, provider, cwd=".", real_path=".", env_vars_values=InvokeContext._get_env_vars_value(variables)
    )
    runner.get_aws_creds = dict
    found = {
        function.name: {
            "architecture": function.architecture,
            "variables": runner._make_env_vars(function).resolve(),
        }
        for function in provider.get_all()
    }
    sys.stdout.write(json.dumps(found))


main(*sys.argv[1:])
