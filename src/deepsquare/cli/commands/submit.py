"""`dps submit`: from a workflow file to a job on the grid, and to its end with `--watch`."""

from datetime import datetime
from pathlib import Path

import click

from deepsquare.cli.command import Command, current, finish
from deepsquare.cli.connecting import run, signing
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.options import (
    CREDITS,
    MOMENT,
    grid_options,
    image_options,
    module_options,
    place_options,
    wallet_options,
    wishes,
)
from deepsquare.cli.output import Output
from deepsquare.cli.problems import STDIN, read_workflow, say_problems
from deepsquare.cli.submitting import require_provider, say_candidates, say_submitted
from deepsquare.cli.watching import watch
from deepsquare.cli.wording import candidate_documents
from deepsquare.model import Affinity, Job, Label, format_credits
from deepsquare.sdk.amounts import to_credits
from deepsquare.sdk.client import LONGEST_NAME_BYTES
from deepsquare.sdk.draft import Draft, TermsArguments
from deepsquare.sdk.job import AsyncJob


@click.command("submit", cls=Command, short_help="Submit a workflow: see where it can run, lock credits.")
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option(
    "--credits",
    "credits_",
    type=CREDITS,
    help="Credits to lock; what the job leaves is refunded. [default: for an hour at the cheapest provider]",
)
@click.option("--name", help="The job's name. [default: the file's]")
@place_options
@click.option(
    "--start-before",
    "latest_start",
    type=MOMENT,
    help="After this time a job that still waits may be cancelled by anyone.",
)
@click.option(
    "--max-attempts",
    "attempts",
    type=click.IntRange(1, 255),
    default=1,
    show_default=True,
    help="How often the job may be tried; more only if running it twice does no harm.",
)
@click.option("--delegate", is_flag=True, help="Let the grid top the job up from the allowance, slice by slice.")
@click.option("--no-allow", is_flag=True, help="Never raise the allowance: fail where it is too small.")
@click.option("--wait-for-provider", is_flag=True, help="Queue the job even where no provider of today can run it.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show where the job could run, and stop: no credits move. Exit code 32 where nobody can run it.",
)
@click.option(
    "--watch", "-w", "is_watched", is_flag=True, help="Show states, output and the bill; end as the job ends."
)
@grid_options
@wallet_options
@module_options
@image_options
def submit(
    *,
    file: str,
    credits_: int | None,
    name: str | None,
    uses: tuple[Label, ...],
    affinities: tuple[Affinity, ...],
    objective: str | None,
    max_price: int,
    latest_start: datetime | None,
    attempts: int,
    delegate: bool,
    no_allow: bool,
    wait_for_provider: bool,
    dry_run: bool,
    is_watched: bool,
) -> None:
    """Submit the workflow in FILE (- is stdin) and print the job's number.

    The workflow is compiled here first, so that errors name their line, and its images are looked for where registries
    answer within 3 s; the gateway's script must be the same to the byte. Then you see what each provider answers, and
    the credits are locked. With --watch the exit code is the job's outcome: 0 FINISHED, 50 FAILED, 51 CANCELLED,
    52 OUT_OF_CREDITS, 53 PANICKED.
    """
    source, text = read_workflow(file)
    terms = TermsArguments(
        name=_default_name(file) if name is None else name,
        uses=wishes(uses, objective),
        affinities=affinities,
        delegate=delegate,
        attempts=attempts,
        max_price_per_minute=to_credits(max_price),
        latest_start=latest_start,
        wait_for_provider=wait_for_provider,
        raise_allowance=not no_allow,
    )
    if credits_ is not None:
        terms["credits"] = to_credits(credits_)
    job = run(_submit(source, text, terms, dry_run=dry_run, is_watched=is_watched))
    if job is not None:
        finish(ExitCode.of_job(job.status))


async def _submit(source: str, text: str, terms: TermsArguments, *, dry_run: bool, is_watched: bool) -> Job | None:
    """The job as it ended, where it was watched."""
    output = current().output
    async with signing() as client:
        draft = await client.prepare(text, source=source, **terms)
        say_problems(output, source, draft.warnings)
        if draft.can_be_requested or dry_run:
            say_candidates(output, draft)
        if dry_run:
            output.document({"candidates": candidate_documents(draft.candidates)}, "")
            if not draft.terms.wait_for_provider:
                require_provider(draft, reasons_are_told=not (output.json or output.quiet))
            return None
        job = await client.request(draft)
        if is_watched:
            say_submitted(output, job, draft)
            return await watch(job, output)
        _tell_submitted(output, job, draft)
        return None


def _tell_submitted(output: Output, job: AsyncJob, draft: Draft) -> None:
    output.say(f"Job {job.id} is in the queue. Watch it: dps job watch {job.id}")
    output.document(
        {
            "job": job.id,
            "script_hash": draft.definition.script_hash,
            "locked": format_credits(draft.locked),
            "candidates": candidate_documents(draft.candidates),
        },
        str(job.id),
    )


def _default_name(file: str) -> str:
    """The file's name without its ending, as much of it as the chain has room for."""
    stem = "" if file == STDIN else Path(file).stem
    return stem.encode()[:LONGEST_NAME_BYTES].decode(errors="ignore")
