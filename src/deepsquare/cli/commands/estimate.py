"""`dps estimate`: where a workflow could run, before any money moves."""

from datetime import datetime

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import reading, run
from deepsquare.cli.options import CREDITS, MOMENT, grid_options, module_options, place_options, wallet_options, wishes
from deepsquare.cli.problems import read_workflow, say_problems
from deepsquare.cli.submitting import final_remedy, require_provider
from deepsquare.cli.wording import candidate_documents, candidate_tables
from deepsquare.model import Affinity, Label
from deepsquare.sdk.amounts import to_credits
from deepsquare.sdk.draft import TermsArguments


@click.command("estimate", cls=Command, short_help="Show where a workflow could run, and at what price.")
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option("--credits", "credits_", type=CREDITS, help="Credits that would be locked. [default: for an hour]")
@place_options
@click.option("--start-before", "latest_start", type=MOMENT, help="The latest start that the job would have.")
@grid_options
@wallet_options
@module_options
def estimate(
    *,
    file: str,
    credits_: int | None,
    uses: tuple[Label, ...],
    affinities: tuple[Affinity, ...],
    objective: str | None,
    max_price: int,
    latest_start: datetime | None,
) -> None:
    """Show what each provider would answer to the workflow in FILE (- is stdin) now: price, start, or why not.

    Needs no wallet and no gateway, and nothing is sent. Exit code 32 where no provider of today can ever run it.
    """
    source, text = read_workflow(file)
    terms = TermsArguments(
        uses=wishes(uses, objective),
        affinities=affinities,
        max_price_per_minute=to_credits(max_price),
        latest_start=latest_start,
    )
    if credits_ is not None:
        terms["credits"] = to_credits(credits_)
    run(_estimate(source, text, terms))


async def _estimate(source: str, text: str, terms: TermsArguments) -> None:
    output = current().output
    async with reading() as client:
        draft = await client.estimate(text, source=source, **terms)
    say_problems(output, source, draft.warnings)
    tables = candidate_tables(draft.candidates, told=final_remedy(draft))
    output.table(candidate_documents(draft.candidates), *tables, empty="The grid has no provider yet.")
    require_provider(draft, reasons_are_told=not output.json)
