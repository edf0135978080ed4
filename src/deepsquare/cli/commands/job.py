"""`dps job`: list, show, follow, cancel, extend and explain jobs."""

import asyncio

import click

from deepsquare.cli.command import Command, current, finish
from deepsquare.cli.connecting import reading, run, signing
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.joboutput import job_output
from deepsquare.cli.lazy import group
from deepsquare.cli.options import CREDITS, JOB_ID, grid_options, wallet_options
from deepsquare.cli.output import JsonValue
from deepsquare.cli.silence import silence_explained
from deepsquare.cli.watching import watch
from deepsquare.cli.wording import (
    bill_line,
    cancel_terms,
    candidate_documents,
    candidate_tables,
    headline,
    job_document,
    job_lines,
    job_tables,
)
from deepsquare.model import Job, JobId, JobStatus
from deepsquare.sdk.amounts import in_credits, to_credits
from deepsquare.sdk.bill import Bill

job = group("job", "List, show, follow, cancel, extend and explain jobs.")

_argument = click.argument("job_id", metavar="JOB", type=JOB_ID)


@job.command("list", cls=Command, short_help="List your jobs, the newest first.")
@click.option("--all", "is_all", is_flag=True, help="Also those that are over for longer than the last ten.")
@grid_options
@wallet_options
def list_(*, is_all: bool) -> None:
    """List your jobs, the newest first: all that are not over, and the last ten that are."""
    run(_list(is_all=is_all))


_SHOWN_OVER = 10


async def _list(*, is_all: bool) -> None:
    async with reading() as client:
        jobs = list(reversed(await client.jobs()))
        now = client.connection.clock.now()
    over = [entry for entry in jobs if entry.status.is_cold]
    hidden = set() if is_all else {entry.id for entry in over[_SHOWN_OVER:]}
    shown = [(entry, Bill.of(entry, now)) for entry in jobs if entry.id not in hidden]
    output = current().output
    documents = [job_document(*entry) for entry in shown]
    output.table(documents, *job_tables(shown), empty="You have no jobs. Try: dps submit FILE")
    if hidden:
        output.say(f"{len(hidden)} older jobs: dps job list --all")


@job.command("show", cls=Command, short_help="Show everything about a job.")
@_argument
@grid_options
@wallet_options
def show(job_id: JobId) -> None:
    """Show everything about a job: state, times, provider, bill."""
    run(_show(job_id))


async def _show(job_id: JobId) -> None:
    async with reading() as client:
        handle = client.job(job_id)
        read, bill = await handle.read(), await handle.cost()
    current().output.document(job_document(read, bill), job_lines(read, bill))


@job.command("logs", cls=Command, short_help="Print a job's output.")
@_argument
@click.option("--follow", "-f", is_flag=True, help="Go on until the job is over.")
@grid_options
@wallet_options
def logs(job_id: JobId, *, follow: bool) -> None:
    """Print what a job of yours has written; --json wraps each piece into one line.

    A workflow without `enableLogging: true` keeps none, which is said where nothing comes.
    In a pipe or a file it is the same to the byte. A terminal gets colours, and every other control character as text.
    """
    run(_logs(job_id, follow=follow))


async def _logs(job_id: JobId, *, follow: bool) -> None:
    output = current().output
    async with signing() as client:
        try:
            handle = client.job(job_id)
            with job_output(output, {"job": job_id}) as show:
                async with silence_explained(handle, output.warn) as heard:
                    async for piece in handle.logs(follow=follow):
                        if piece:
                            heard()
                        show(piece)
        except asyncio.CancelledError:
            if follow:
                output.warn(
                    f"stopped following; job {job_id} goes on: dps job logs -f {job_id}, dps job cancel {job_id}"
                )
            raise


@job.command("watch", cls=Command, short_help="Show states, output and the bill until a job is over.")
@_argument
@grid_options
@wallet_options
def watch_(job_id: JobId) -> None:
    """Show a job's states as they happen, its output and its bill; the exit code is the job's outcome."""
    ended = run(_watch(job_id))
    finish(ExitCode.of_job(ended.status))


async def _watch(job_id: JobId) -> Job:
    async with signing() as client:
        return await watch(client.job(job_id), current().output)


@job.command("cancel", cls=Command, short_help="End a job.")
@_argument
@click.option("--wait", "is_awaited", is_flag=True, help="Return only once the job is over.")
@grid_options
@wallet_options
def cancel(job_id: JobId, *, is_awaited: bool) -> None:
    """End a job of yours: at once before it runs, else as soon as its provider has stopped it."""
    run(_cancel(job_id, is_awaited=is_awaited))


async def _cancel(job_id: JobId, *, is_awaited: bool) -> None:
    output = current().output
    async with signing() as client:
        handle = client.job(job_id)
        await handle.cancel()
        read = await handle.read()
        if is_awaited and read.status.is_hot:
            output.say(f"Job {job_id} is {read.status.name}: waiting for its provider to stop it.")
            read = await handle.wait()
        bill = await handle.cost()
    if read.status.is_hot:
        output.say(f"Asked its provider to stop job {job_id}. See it end: dps job watch {job_id}")
        output.say(cancel_terms(read))
    else:
        output.say(bill_line(bill))
    output.document(job_document(read, bill), read.status.name)


@job.command("top-up", cls=Command, short_help="Lock more credits: the job may run longer.")
@_argument
@click.argument("amount", type=CREDITS)
@grid_options
@wallet_options
def top_up(job_id: JobId, amount: int) -> None:
    """Lock AMOUNT more credits for a job that has a provider; prints the credits locked now."""
    run(_top_up(job_id, amount))


async def _top_up(job_id: JobId, amount: int) -> None:
    output = current().output
    async with signing() as client:
        handle = client.job(job_id)
        await handle.top_up(to_credits(amount))
        read, bill = await handle.read(), await handle.cost()
    output.say(f"Job {job_id} has {in_credits(bill.locked)} locked now.")
    output.document(job_document(read, bill), str(bill.locked))


@job.command("auto-top-up", cls=Command, short_help="Let the grid buy time for a job, or forbid it.")
@_argument
@click.argument("state", type=click.Choice(["on", "off"]))
@grid_options
@wallet_options
def auto_top_up(job_id: JobId, state: str) -> None:
    """Let the grid top a job of yours up from your allowance, half an hour at a time, or forbid it.

    A slice is taken only when at most one is left, and never more than the allowance: dps credits allowance AMOUNT
    """
    run(_auto_top_up(job_id, is_on=state == "on"))


async def _auto_top_up(job_id: JobId, *, is_on: bool) -> None:
    output = current().output
    async with signing() as client:
        handle = client.job(job_id)
        await handle.auto_top_up(is_on)
        read, bill, allowed = await handle.read(), await handle.cost(), await client.allowance()
    if is_on:
        output.say(f"The grid may take {in_credits(allowed)} from your account, for this job and all others.")
        if not allowed:
            output.warn("nothing can be topped up yet; allow it with: dps credits allowance AMOUNT")
    output.document(job_document(read, bill), "on" if is_on else "off")


@job.command("expire", cls=Command, short_help="Move on a job whose party went away.")
@_argument
@grid_options
@wallet_options
def expire(job_id: JobId) -> None:
    """Move a job on where a claim, a provider's lease or the latest start ran out. Anybody may; meta-schedulers do.

    The job waits again, or is over with everything refunded. Exit code 33 where nothing has run out yet.
    """
    run(_expire(job_id))


async def _expire(job_id: JobId) -> None:
    async with signing() as client:
        handle = client.job(job_id)
        read, bill = await handle.expire(), await handle.cost()
    current().output.document(job_document(read, bill), read.status.name)


@job.command("explain", cls=Command, short_help="Say why a job waits, and what would help.")
@_argument
@grid_options
@wallet_options
def explain(job_id: JobId) -> None:
    """Say why a job waits: what each provider answers, which rule fails, what would help."""
    run(_explain(job_id))


_STANDING = {
    JobStatus.META_SCHEDULED: "was given to {provider}, which has to claim it; if it does not, the job is placed again",
    JobStatus.SCHEDULED: "was claimed by {provider}, whose own cluster has to start it",
    JobStatus.RUNNING: "runs at {provider}",
    JobStatus.CANCELLED: "was cancelled{because}",
    JobStatus.FINISHED: "is done",
    JobStatus.FAILED: "failed with exit code {code}: {error}; read what it printed: dps job logs {job}",
    JobStatus.OUT_OF_CREDITS: "used up its credits and was stopped; next time lock more, or top it up while it runs",
    JobStatus.PANICKED: "was lost by {provider} and costs nothing: {error}; submit it again",
}


async def _explain(job_id: JobId) -> None:
    output = current().output
    async with reading() as client:
        handle = client.job(job_id)
        read = await handle.read()
        candidates = await handle.explain() if read.status is JobStatus.PENDING else []
    if read.status is not JobStatus.PENDING:
        text = _STANDING[read.status].format(
            job=job_id,
            because=f": {headline(read.last_error)}" if read.last_error else "",
            provider=read.provider,
            error=headline(read.last_error) or "no reason was given",
            code=read.exit_code,
        )
        output.document({"job": job_id, "status": read.status.name, "explanation": text}, f"Job {job_id} {text}.")
        return
    document: JsonValue = {"job": job_id, "status": read.status.name, "candidates": candidate_documents(candidates)}
    output.say(f"Job {job_id} is PENDING: it starts as soon as one of these can take it.")
    output.table(document, *candidate_tables(candidates), empty="The grid has no provider yet.")
