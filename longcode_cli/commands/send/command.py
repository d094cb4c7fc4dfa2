"""`longcode send`: the texts of a CSV file, or one text."""

from longcode.domain.priority import Priority
from longcode_cli.api import PATIENCE_S, api_of
from longcode_cli.commands.send import campaign, one
from longcode_cli.commands.send.asked import (
    AgainOption,
    AtOption,
    CategoryOption,
    CountryOption,
    DelimiterOption,
    EncodingOption,
    FileOption,
    OfFile,
    PatienceOption,
    PriorityOption,
    ResultsOption,
    SkipOption,
    TagOption,
    TextColumnOption,
    TextOption,
    ToColumnOption,
    ToOption,
    one_text,
    shared_fields,
)
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, DryRun, Where, Yes, examples, stack_options

EXAMPLES = examples(
    'send customers.csv --text "Hi {first_name}, your order is ready." --dry-run',
    'send customers.csv --text "Hi {first_name}, your order is ready." --tag spring',
    "send texts.csv --text-column message --skip-problems --yes --stack long-code-sms-prod",
    'send - --text "We open at 10" --yes < numbers.csv',
    'send --to "(202) 555-0123" --text "Your table is ready"',
)


@stack_options(*ANYWHERE_OR_ENV)
def command(  # noqa: PLR0913 -- one option for each thing that a campaign may have
    where: Where,
    file: FileOption = None,
    to: ToOption = None,
    text: TextOption = None,
    text_column: TextColumnOption = None,
    to_column: ToColumnOption = None,
    tag: TagOption = None,
    at: AtOption = None,
    category: CategoryOption = None,
    priority: PriorityOption = None,
    default_country: CountryOption = "US",
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    again: AgainOption = "",
    results: ResultsOption = None,
    skip_problems: SkipOption = False,
    patience: PatienceOption = PATIENCE_S,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send the texts of a CSV file, or one text.

    The first row names its columns; key, send_at and timezone are used if they are there. What would be sent is
    shown first. The same command goes on where it was stopped, and sends nothing twice: see the result file.
    """
    common = shared_fields(tag, at, category, default_country)
    of_file = OfFile(file, to_column, text_column, encoding, delimiter, again, results, skip_problems)
    stack, region = where.stack(), default_country.upper()
    with api_of(stack, patience) as api:
        if to is not None:
            of_file.expect_none()
            one.send(api, one_text(to, text, common, region, priority), dry_run=dry_run, as_json=as_json)
            return
        common |= {"priority": (priority or Priority.BULK).value}
        how = campaign.How(yes=yes, dry_run=dry_run, skip_problems=skip_problems, as_json=as_json)
        campaign.send(stack, api, campaign.Wanted(text, region, common, of_file), how)
