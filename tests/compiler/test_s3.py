"""Data in buckets of S3: fetched, sent, kept in step with a running job, by a real rclone and a server on loopback."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from deepsquare import compiler
from deepsquare.workflow import JobResources, S3Data, Step, Transport, Workflow
from tests.support.needs import need_program
from tests.support.profiles import examples
from tests.support.s3_server import HEADER, S3Server, s3_server
from tests.support.scripts import Outcome, ScriptSite, command
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY, TEXTS, UNTIL_A_SIGNAL

pytestmark = pytest.mark.system

KEY, SECRET = "k3y-of-s3", "s3cret-of-s3"
WRITE = 'cd "$DEEPSQUARE_OUTPUT" && '
QUICK = {"DEEPSQUARE_SITE_SYNC_SECONDS": "0.05"}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    need_program("rclone")
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> str:
    """A new bucket."""
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    server.make_bucket(name)
    return name


def place(server: S3Server | None, bucket: str, path: str = "/", **more: str | bool) -> S3Data:
    given = {
        "region": "us-east-2",
        "bucket_url": f"s3://{bucket}",
        "path": path,
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "endpoint_url": server.address if server is not None else "http://127.0.0.1:1",
    }
    return S3Data(**(given | more))  # type: ignore[arg-type]


def script(*steps: Step, fetched: S3Data | None = None, sent: S3Data | None = None, is_synced: bool = False) -> str:
    """A job with data in S3."""
    job = Workflow(
        resources=JobResources(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0),
        steps=steps,
        input=Transport(s3=fetched) if fetched else None,
        output=Transport(s3=sent) if sent else None,
        continuous_output_sync=is_synced,
        enable_logging=True,
    )
    return compiler.compile(job, salt="0" * 32).text


def run(site: ScriptSite, text: str) -> Outcome:
    outcome = site.run(text, QUICK)
    assert site.scratch_folders() == []
    assert not [word for word in (KEY, SECRET) if word in outcome.stdout + outcome.stderr]
    return outcome


def await_object(server: S3Server, bucket: str, key: str) -> str:
    """What a step runs to see that an object is there while the job still runs."""
    address = f"{server.address}/{bucket}/{key}"
    return f"until curl -sf -H '{HEADER}' {address} >/dev/null; do sleep 0.05; done"


# -- inputs


def test_a_folder_of_a_bucket_is_fetched(site: ScriptSite, server: S3Server, bucket: str) -> None:
    server.put(bucket, "a b/x", b"one\n")
    server.put(bucket, "a b/sub/y", b"two\n")
    server.put(bucket, "other", b"never\n")
    look = 'cd "$DEEPSQUARE_INPUT" && find . -type f | sort && cat x sub/y'
    outcome = run(site, script(command(look), fetched=place(server, bucket, "/a b")))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "./sub/y\n./x\none\ntwo\n", "")


def test_one_object_is_fetched(site: ScriptSite, server: S3Server, bucket: str) -> None:
    server.put(bucket, "a/zipcodes.csv", b"one\n")
    look = 'cat "$DEEPSQUARE_INPUT/zipcodes.csv"'
    assert run(site, script(command(look), fetched=place(server, bucket, "/a/zipcodes.csv"))).stdout == "one\n"


def test_an_object_whose_key_leads_out_of_the_input_stays_in_it(
    site: ScriptSite, server: S3Server, bucket: str
) -> None:
    server.put(bucket, "a/../../../out", b"x")
    server.put(bucket, "a/good", b"x")
    run(site, script(command("true"), fetched=place(server, bucket, "/a")))
    assert [path for path in site.folder.rglob("out") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("no-such-bucket", "Failed to copy: directory not found"), ("", "there is nothing at this path of the bucket")],
)
def test_an_input_that_is_not_there_fails_the_job(
    site: ScriptSite, server: S3Server, bucket: str, name: str, why: str
) -> None:
    outcome = run(site, script(command("true"), fetched=place(server, name or bucket, "/nowhere")))
    assert (outcome.exit_code, outcome.calls, outcome.stderr) == (1, [], f"deepsquare: input: {why}\n")


def test_a_server_that_is_away_fails_the_job(site: ScriptSite) -> None:
    outcome = run(site, script(command("true"), fetched=place(None, "b")))
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert outcome.stderr == "deepsquare: input: Failed to copy: RequestError: send request failed\n"


def test_a_site_without_rclone_says_so(site: ScriptSite) -> None:
    outcome = site.run(script(command("true"), fetched=place(None, "b")), {"DEEPSQUARE_SITE_RCLONE": "/nowhere"})
    why = "there is no rclone here, which S3 needs; the provider names it in DEEPSQUARE_SITE_RCLONE"
    assert (outcome.exit_code, outcome.calls, outcome.stderr) == (1, [], f"deepsquare: input: {why}\n")


# -- outputs


def test_the_output_is_sent_and_what_was_there_stays(site: ScriptSite, server: S3Server, bucket: str) -> None:
    server.put(bucket, "out/old", b"old")
    write = f"{WRITE} printf x >x; mkdir sub; printf y >sub/y; printf z >../z; ln -s ../z z"
    outcome = run(site, script(command(write), sent=place(server, bucket, "/out")))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert server.objects(bucket) == {"out/old": b"old", "out/x": b"x", "out/sub/y": b"y", "out/z": b"z"}


def test_with_delete_sync_what_the_output_has_not_is_deleted(site: ScriptSite, server: S3Server, bucket: str) -> None:
    server.put(bucket, "out/old", b"old")
    server.put(bucket, "beside", b"old")
    run(site, script(command(f"{WRITE} printf x >x"), sent=place(server, bucket, "/out", delete_sync=True)))
    assert server.objects(bucket) == {"out/x": b"x", "beside": b"old"}


@pytest.mark.parametrize("is_synced", [False, True])
@pytest.mark.parametrize(
    "end", ["true", 'mkdir "$DEEPSQUARE_OUTPUT/empty"', 'rm -r "$STORAGE_PATH"', "sleep 0.3; exit 3"]
)
def test_an_output_without_a_file_deletes_nothing(
    site: ScriptSite, server: S3Server, bucket: str, end: str, is_synced: bool
) -> None:
    server.put(bucket, "old", b"old")
    run(site, script(command(end), sent=place(server, bucket, delete_sync=True), is_synced=is_synced))
    assert server.objects(bucket) == {"old": b"old"}


def test_a_failed_step_sends_nothing(site: ScriptSite, server: S3Server, bucket: str) -> None:
    outcome = run(site, script(command(f"{WRITE} echo >x; exit 3"), sent=place(server, bucket)))
    assert (outcome.exit_code, server.objects(bucket)) == (3, {})


@pytest.mark.parametrize("is_synced", [False, True])
def test_an_output_that_cannot_be_sent_fails_the_job(site: ScriptSite, server: S3Server, is_synced: bool) -> None:
    sent = place(server, "no-such-bucket")
    outcome = run(site, script(command(f"{WRITE} echo >x"), sent=sent, is_synced=is_synced))
    assert outcome.exit_code == 1
    (line,) = [line for line in outcome.stderr.splitlines() if not line.endswith("; it is tried again")]
    assert line.startswith("deepsquare: output: Failed to copy")
    assert line.endswith("NoSuchBucket: The specified bucket does not exist")


# -- outputs that are sent while the job runs


def test_a_synced_output_is_there_while_the_job_runs_and_complete_in_the_end(
    site: ScriptSite, server: S3Server, bucket: str
) -> None:
    first = f"{WRITE} printf 1 >first; {await_object(server, bucket, 'first')}; printf 2 >second"
    outcome = run(site, script(command(first), sent=place(server, bucket), is_synced=True))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert server.objects(bucket) == {"first": b"1", "second": b"2"}


@pytest.mark.parametrize(("end", "code"), [("exit 3", 3), ("kill -KILL $$", 137)])
def test_the_last_state_is_sent_after_a_failure(
    site: ScriptSite, server: S3Server, bucket: str, end: str, code: int
) -> None:
    job = script(
        command(f"{WRITE} printf 1 >x; {end}"), command("echo never"), sent=place(server, bucket), is_synced=True
    )
    outcome = run(site, job)
    assert (outcome.exit_code, outcome.stdout, server.objects(bucket)) == (code, "", {"x": b"1"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_last_state_is_sent_where_the_job_is_asked_to_end(
    site: ScriptSite, server: S3Server, bucket: str, number: int, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "ready")
    ready = f"echo >{tmp_path}/ready; {UNTIL_A_SIGNAL}"
    write = f"trap 'echo late >late; exit 0' TERM INT; {WRITE} echo >x; {ready}"
    process = site.start(
        script(command(write), command("echo never"), sent=place(server, bucket), is_synced=True), QUICK
    )
    (tmp_path / "ready").read_text()
    process.send_signal(number)
    outcome = site.finish(process)
    assert (outcome.exit_code, outcome.stdout) == (128 + number, "")
    assert server.objects(bucket) == {"x": b"\n", "late": b"late\n"}
    assert site.scratch_folders() == []


def test_a_sync_that_fails_meanwhile_is_told_once_and_tried_again(
    site: ScriptSite, server: S3Server, tmp_path: Path
) -> None:
    bucket = "made-by-the-step"
    wait = f"until [ -e {tmp_path}/failed ]; do sleep 0.05; done"
    make = f"{wait}; curl -sf -H '{HEADER}' -X PUT {server.address}/{bucket} >/dev/null"
    rclone = tmp_path / "rclone"
    rclone.write_text(
        f'#!/bin/sh\nrclone "$@" || {{ code=$?; echo >>{tmp_path}/tries; '
        f'[ "$(wc -l <{tmp_path}/tries)" -lt 3 ] || : >{tmp_path}/failed; exit $code; }}\n'
    )
    rclone.chmod(0o755)
    job = script(command(f"{WRITE} printf 1 >x; {make}"), sent=place(server, bucket), is_synced=True)
    outcome = site.run(job, {**QUICK, "DEEPSQUARE_SITE_RCLONE": str(rclone)})
    assert (outcome.exit_code, server.objects(bucket)) == (0, {"x": b"1"})
    assert outcome.stderr.count("it is tried again") == 1


# -- secrets and attacks


def test_keys_are_in_the_environment_of_the_transfer_alone(
    site: ScriptSite, server: S3Server, bucket: str, tmp_path: Path
) -> None:
    server.put(bucket, "in/x", b"x")
    rclone = tmp_path / "rclone"
    rclone.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$*" >>{tmp_path}/arguments\nexec rclone "$@"\n')
    rclone.chmod(0o755)
    fetched, sent = place(server, bucket, "/in"), place(server, bucket, "/out")
    look = command(f"{WRITE} env >env; tr '\\0' ' ' </proc/$PPID/environ >parent; ps -e -ww -o args >ps")
    outcome = site.run(script(look, fetched=fetched, sent=sent), {"DEEPSQUARE_SITE_RCLONE": str(rclone)})
    assert outcome.exit_code == 0
    arguments = (tmp_path / "arguments").read_text()
    assert (f"ds:{bucket}/in" in arguments, SECRET in arguments, KEY in arguments) == (True, False, False)
    (call,) = outcome.calls
    assert SECRET not in str(call)
    assert not [key for key, body in server.objects(bucket).items() if SECRET.encode() in body or KEY.encode() in body]


def test_what_the_node_itself_tells_rclone_does_not_count(site: ScriptSite, tmp_path: Path) -> None:
    """Neither credentials and settings in its environment nor its own configuration."""
    record, rclone = tmp_path / "record", tmp_path / "rclone"
    rclone.write_text(f'#!/bin/sh\n{{ env -0; printf "%s\\0" "$@"; }} >{record}\nexit 1\n')
    rclone.chmod(0o755)
    nodes = {
        "AWS_SESSION_TOKEN": "x",
        "AWS_CA_BUNDLE": "/x",
        "RCLONE_DRY_RUN": "true",
        "RCLONE_CONFIG_DS_ACL": "public",
    }
    site.run(script(command("true"), fetched=place(None, "b")), {"DEEPSQUARE_SITE_RCLONE": str(rclone), **nodes})
    words = record.read_bytes().decode().split("\0")
    assert words[words.index("--config") + 1] == ""
    assert not [word for word in words if word.partition("=")[0] in nodes]
    assert "RCLONE_CONFIG_DS_TYPE=s3" in words


def check_fields(site: ScriptSite, tmp_path: Path, *texts: str) -> None:
    """A transfer with these texts as region, path, keys; a stand-in for rclone records how it is called."""
    region, path, key, secret = texts
    record = tmp_path / "record"
    rclone = tmp_path / "rclone"
    rclone.write_text(f'#!/bin/sh\n{{ env -0; printf "%s\\0" "$@"; }} >{record}\nexit 1\n')
    rclone.chmod(0o755)
    data = place(None, "b", f"/{path}", region=region, access_key_id=key, secret_access_key=secret)
    outcome = site.run(script(command("true"), fetched=data), {"DEEPSQUARE_SITE_RCLONE": str(rclone)})
    assert outcome.exit_code == 1
    words = record.read_bytes().decode().split("\0")
    names = ("REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    for name, text in zip(names, (region, key, secret), strict=True):
        assert f"RCLONE_CONFIG_DS_{name}={text}" in words
    assert f"ds:b/{path}" in words
    assert not list(site.folder.rglob(CANARY))


@pytest.mark.parametrize("first", range(0, len(ATTACKS), 4))
def test_attacks_in_every_field_are_only_text(site: ScriptSite, tmp_path: Path, first: int) -> None:
    check_fields(site, tmp_path, *(ATTACKS * 2)[first : first + 4])


@examples(quick=5, thorough=500, suppress=[HealthCheck.function_scoped_fixture])
@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS))
def test_any_text_in_any_field_arrives_byte_for_byte(
    site: ScriptSite, tmp_path: Path, texts: tuple[str, str, str, str]
) -> None:
    check_fields(site, tmp_path, *texts)


def test_shellcheck_has_nothing_to_say() -> None:
    data = place(None, "b'`c`", '/$(x)"')
    assert complaints(script(command("true"), fetched=data, sent=data)) == ""
    assert complaints(script(command("true"), fetched=data, sent=data, is_synced=True)) == ""
