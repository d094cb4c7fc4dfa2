"""How a page of the repository becomes one of the site."""

import pytest

from devtools.site import markdown, pages


def converted(text: str, page: str = "docs/carriers.md") -> str:
    return markdown.converted(text, lambda target: pages.resolved(page, target))


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("docs/carriers.md", "[a](api.md#errors)", "[a](api.md#errors)"),
        ("docs/carriers.md", "[a](#the-limits)", "[a](#the-limits)"),
        ("docs/carriers.md", "[a](carriers.md#the-limits)", "[a](#the-limits)"),
        ("docs/carriers.md", "[a](../SECURITY.md#changing-a-key)", "[a](project/security.md#changing-a-key)"),
        ("docs/carriers.md", "[a](../bench/README.md)", "[a](project/benchmarks.md)"),
        ("docs/README.md", "[a](decisions/)", "[a](decisions/index.md)"),
        ("docs/README.md", "[a](../README.md)", "[a](index.md)"),
        ("README.md", "[a](docs/README.md)", "[a](contents.md)"),
        ("README.md", "[a](docs/api.md)", "[a](api.md)"),
        ("README.md", "![a](docs/flow.svg)", "![a](flow.svg)"),
        ("README.md", '<a href="docs/a/"><img src="docs/flow.svg">', '<a ><img src="flow.svg">'),
        ("docs/decisions/0012-sams-two-managed-policies-stay.md", "[a](../cost.md)", "[a](../cost.md)"),
        ("docs/concepts/pacing.md", "[a](../../CONTRIBUTING.md)", "[a](../project/contributing.md)"),
        ("docs/local-stack.md", "[`events/`](../events/)", "[`events/`](project/sample-events.md)"),
        ("docs/api.md", "[document](openapi.json)", "[document](openapi.json)"),
        ("docs/api.md", "[Telnyx](https://telnyx.com)", "[Telnyx](https://telnyx.com)"),
    ],
)  # fmt: skip
def test_a_link_leads_to_the_same_page_on_the_site(page: str, written: str, shown: str) -> None:
    assert converted(written, page) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[`template.yaml`](../template.yaml)", "`template.yaml`"),
        ("[The template](../template.yaml) has it", "The template (`template.yaml`) has it"),
        ("[prices](../devtools/cost/prices.toml)", "prices (`devtools/cost/prices.toml`)"),
        ("[tests](../tests/)", "tests"),
        ("[LICENSE](../LICENSE)", "LICENSE"),
    ],
)
def test_a_link_out_of_the_site_is_its_words_and_the_path(written: str, shown: str) -> None:
    assert converted(written) == shown


def test_what_stands_in_code_is_left_as_it_is() -> None:
    text = "`[a](../template.yaml)` and\n\n```\n[b](../template.yaml)\n- c\n  d\n```\n"

    assert converted(text) == text


def test_a_list_and_a_table_have_a_blank_line_before_them() -> None:
    assert converted("Words:\n- a\n- b\n") == "Words:\n\n- a\n- b\n"
    assert converted("Words:\n| a |\n|---|\n| b |\n") == "Words:\n\n| a |\n|---|\n| b |\n"
    assert converted("- a\n  goes on\n- b\n") == "- a\n    goes on\n- b\n"
    assert converted("- a\n\n  more\n- b\n- c\n") == "- a\n\n    more\n\n- b\n- c\n"


def test_a_bar_in_the_code_of_a_table_has_no_backslash() -> None:
    assert converted("| `a\\|b` | c \\| d |\n") == "| `a|b` | c \\| d |\n"
    assert converted("`a\\|b`\n") == "`a\\|b`\n"


def test_a_block_of_a_list_item_is_four_blanks_in() -> None:
    text = "1. First\n\n   ```bash\n   make up\n     --more\n   ```\n\n2. Second\n"

    assert converted(text) == "1. First\n\n    ```bash\n    make up\n      --more\n    ```\n\n2. Second\n"


def test_the_targets_of_a_page_are_those_outside_of_code() -> None:
    text = '[a](b.md) ![c](d.svg) `[e](f.md)`\n\n```\n[g](h.md)\n```\n<img src="i.png">\n'

    assert sorted(markdown.targets(text)) == ["b.md", "d.svg", "i.png"]
