"""What samconfig.toml says of the stacks that `make deploy` knows."""

from pathlib import Path

import pytest

from longcode_cli import samconfig
from longcode_cli.problems import Problem

pytestmark = pytest.mark.disable_socket


def test_the_repositorys_own_samconfig_has_both_environments() -> None:
    assert [samconfig.load(env).tags["environment"] for env in ("dev", "prod")] == ["dev", "prod"]
    assert samconfig.load("dev").stack_name != samconfig.load("prod").stack_name


@pytest.mark.parametrize(
    "line",
    [
        r'''parameter_overrides = "TelnyxPublicKey=\"ab/c+d=,ef=\" WebhookUrl=\"\" StoreText=\"a \\\"b\\\" c\""''',
        r"""parameter_overrides = ["TelnyxPublicKey=ab/c+d=,ef= WebhookUrl=", 'StoreText="a \"b\" c"']""",
        '''[default.deploy.parameters.parameter_overrides]
TelnyxPublicKey = "ab/c+d=,ef="
WebhookUrl = ""
StoreText = "a \\"b\\" c"''',
    ],
    ids=["as --guided writes it", "a list", "a table"],
)
def test_what_a_guided_deployment_saved_is_read_as_sam_reads_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(f'[default.global.parameters]\nregion = "eu-west-1"\n[default.deploy.parameters]\n{line}\n')

    found = samconfig.load("dev", file)

    assert found.parameters == {"TelnyxPublicKey": "ab/c+d=,ef=", "WebhookUrl": "", "StoreText": 'a "b" c'}
    assert found.region == "eu-west-1"


def test_a_samconfig_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("[default")
    with pytest.raises(Problem, match=r"samconfig.toml can't be read"):
        samconfig.load("dev", tmp_path / "samconfig.toml")
