"""Watch a job to its end: its states as they happen, why it waits, its output live, the bill.

The output goes to stdout, everything else to stderr; with `--json` all of it is one stream of
events on stdout, one per line. Whatever happens to this process, the job goes on: only `dps job cancel` ends it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deepsquare.cli.joboutput import job_output
from deepsquare.cli.output import Output
from deepsquare.cli.silence import silence_explained
from deepsquare.cli.wording import bill_document, bill_line, headline, json_time, short
from deepsquare.model import Job, JobStatus, format_credits
from deepsquare.scheduling import Rejection
from deepsquare.sdk.bill import Bill
from deepsquare.sdk.errors import DeepSquareError, NotFound, Unreachable
from deepsquare.sdk.events import JobEvent
from deepsquare.sdk.job import AsyncJob

PATIENCE_SECONDS = 2.0
"""A job that waits longer than this is told why."""
LAST_OUTPUT_SECONDS = 15.0
"""How long after a job's end its last output is waited for."""
ORDER_SECONDS = 1.0
"""How long output waits for the news that its job runs, and the news of the end for the output before it."""


async def watch(job: AsyncJob, output: Output) -> Job:
    """Tell everything until the job is over; the job as it ended."""
    ended = await job.read()
    runs = asyncio.Event()
    try:
        async with _reasons_told(job, output), _output_shown(job, output, runs) as shown:
            async for event in job.events():
                if event.status.is_cold:
                    runs.set()
                    await asyncio.wait({shown}, timeout=ORDER_SECONDS)
                _tell_event(event, output)
                if event.status is JobStatus.RUNNING:
                    runs.set()
                ended = event.job
    except asyncio.CancelledError:
        output.warn(f"stopped watching; job {job.id} goes on: dps job show {job.id}, dps job cancel {job.id}")
        raise
    bill = Bill.of(ended, ended.time.ended_at or ended.time.submitted_at)
    output.say(bill_line(bill))
    output.event({"event": "bill", "job": job.id, **bill_document(bill)})
    return ended


def _tell_event(event: JobEvent, output: Output) -> None:
    at = event.at.astimezone().strftime("%H:%M:%S")
    output.say(f"{at}  {event.status.name:<14}  {_meaning(event)}")
    output.event(
        {
            "event": "state",
            "job": event.job_id,
            "status": event.status.name,
            "at": json_time(event.at),
            "provider": event.provider,
            "reason": event.reason,
        }
    )


def _meaning(event: JobEvent) -> str:
    job = event.job
    provider = short(event.provider) if event.provider else "its provider"
    because = f": {headline(event.reason)}" if event.reason else ""
    price = format_credits(job.terms.price_per_minute)
    return {
        JobStatus.PENDING: f"in the queue until a provider can start it{because}",
        JobStatus.META_SCHEDULED: f"goes to {provider} for {price} credits/min; waits for its claim",
        JobStatus.SCHEDULED: f"claimed by {provider}; waits for its cluster to start it",
        JobStatus.RUNNING: f"runs at {provider}",
        JobStatus.CANCELLED: f"cancelled{because}",
        JobStatus.FINISHED: f"done, exit code {job.exit_code}",
        JobStatus.FAILED: f"failed with exit code {job.exit_code}{because}",
        JobStatus.OUT_OF_CREDITS: f"its credits ran out and it was stopped{because}",
        JobStatus.PANICKED: f"lost by {provider}, nothing is paid{because}",
    }[event.status]


async def _tell_reasons(job: AsyncJob, output: Output, over: asyncio.Event) -> None:
    """While the job is PENDING: why, provider by provider, whenever the reasons change; until `over`."""
    told: list[str] = []
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await over.wait()
                return
        try:
            reasons = await _reasons(job)
        except Unreachable:
            continue  # whoever follows the job's states has said so
        if reasons and reasons != told and not over.is_set():
            output.say(f"          waits           {'; '.join(reasons)}")
            told = reasons


async def _reasons(job: AsyncJob) -> list[str]:
    if (await job.read()).status is not JobStatus.PENDING:
        return []
    answers = [row.answer for row in await job.explain()]
    rejections = [answer for answer in answers if isinstance(answer, Rejection)]
    if not answers:
        return ["the grid has no provider yet"]
    if len(rejections) < len(answers):
        return ["a provider could start it: the meta-scheduler has not assigned it yet"]
    return [f"{short(answer.provider)}: {answer.message}" for answer in rejections]


@asynccontextmanager
async def _reasons_told(job: AsyncJob, output: Output) -> AsyncIterator[None]:
    """Say during the body why the job waits. The last look is awaited, not cut off: it holds a connection."""
    over = asyncio.Event()
    task = asyncio.create_task(_tell_reasons(job, output, over))
    try:
        yield
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        over.set()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _output_shown(job: AsyncJob, output: Output, runs: asyncio.Event) -> AsyncIterator[asyncio.Task[None]]:
    """Show the job's output during the body, in the task; afterwards wait a little for what is still on its way."""
    task = asyncio.create_task(_show_output(job, output, runs))
    try:
        yield task
        _, unfinished = await asyncio.wait({task}, timeout=LAST_OUTPUT_SECONDS)
        if unfinished:
            output.warn(f"the end of the output is still on its way: dps job logs {job.id}")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _show_output(job: AsyncJob, output: Output, runs: asyncio.Event) -> None:
    """Show pieces as they come; the first waits a moment until somebody has said that the job runs."""
    try:
        with job_output(output, {"event": "output", "job": job.id}) as show:
            async with silence_explained(job, lambda why: output.say(f"          {why}")) as heard:
                async for piece in job.logs(follow=True):
                    heard()
                    await _heard(runs)
                    show(piece)
    except NotFound:
        output.say("          the job printed nothing that the gateway kept")
    except DeepSquareError as error:
        output.warn(f"the output cannot be shown: {error}")


async def _heard(news: asyncio.Event) -> None:
    """Return once the event is set, which it is after `ORDER_SECONDS` whatever happens: it is waited for once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ORDER_SECONDS):
            await news.wait()
    news.set()
