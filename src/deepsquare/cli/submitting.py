"""What a person sees between a workflow and its job: who could run it at what price, and what was locked."""

from deepsquare.cli.output import Output
from deepsquare.cli.wording import candidate_documents, candidate_tables, duration
from deepsquare.scheduling import Offer
from deepsquare.sdk.amounts import in_credits, to_credits
from deepsquare.sdk.draft import Draft
from deepsquare.sdk.errors import NoProvider
from deepsquare.sdk.job import AsyncJob


def say_candidates(output: Output, draft: Draft) -> None:
    """The table of candidates, and what the credits buy."""
    told = "" if draft.terms.wait_for_provider else final_remedy(draft)
    output.say_table(*candidate_tables(draft.candidates, told=told))
    locked = in_credits(to_credits(draft.locked))
    chosen = draft.chosen
    if chosen is not None and isinstance(chosen.answer, Offer):
        output.say(f"With {locked} locked it may run for {duration(chosen.answer.max_duration_seconds)} there.")
    elif draft.candidates:
        output.say(f"Nobody can start it now: it would wait in the queue with {locked} locked.")


def final_remedy(draft: Draft) -> str:
    """What `require_provider` says would help, where it raises; else nothing."""
    try:
        draft.require_provider()
    except NoProvider as error:
        return error.next_step
    return ""


def require_provider(draft: Draft, *, reasons_are_told: bool) -> None:
    """Raise `NoProvider` where waiting alone will never help; its reasons are left out where a table has told them."""
    try:
        draft.require_provider()
    except NoProvider as error:
        raise NoProvider(error.message, {} if reasons_are_told else error.reasons, next_step=error.next_step) from None


def say_submitted(output: Output, job: AsyncJob, draft: Draft) -> None:
    """That the job is in the queue, for who goes on watching."""
    output.say(f"Job {job.id} is in the queue with {in_credits(to_credits(draft.locked))} locked.")
    output.event({"event": "submitted", "job": job.id, "candidates": candidate_documents(draft.candidates)})
