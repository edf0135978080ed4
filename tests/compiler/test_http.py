"""Data over http: what is fetched before the first step, and what is sent after the last one."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote as percent

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from deepsquare import compiler
from deepsquare.workflow import HttpData, JobResources, Step, Transport, Workflow
from tests.support.file_server import Answer, FileServer, Upload, file_server
from tests.support.needs import need_program
from tests.support.profiles import examples
from tests.support.scripts import Outcome, ScriptSite, command
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY

pytestmark = pytest.mark.system

LIST = 'cd "$DEEPSQUARE_INPUT" && find . -mindepth 1 | sort'
SECRET = "s3cret"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


def script(
    *steps: Step, fetched: str | None = None, mode: int | None = None, sent: str | None = None, is_logged: bool = True
) -> str:
    """A job that fetches from one address and sends to another."""
    job = Workflow(
        resources=JobResources(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0),
        steps=steps,
        input=Transport(http=HttpData(url=fetched)) if fetched else None,
        input_mode=mode,
        output=Transport(http=HttpData(url=sent)) if sent else None,
        enable_logging=is_logged,
    )
    return compiler.compile(job, salt="0" * 32).text


def fetch(site: ScriptSite, address: str, look: str = LIST, mode: int | None = None) -> Outcome:
    outcome = site.run(script(command(look), fetched=address, mode=mode))
    assert site.scratch_folders() == []
    return outcome


def assert_refused(outcome: Outcome, why: str) -> None:
    """The job ended before its first step, and said why in one line."""
    assert (outcome.exit_code, outcome.stdout, outcome.calls) == (1, "", [])
    assert outcome.stderr == f"deepsquare: input: {why}\n"


# -- what an input may be


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode=mode, fileobj=buffer) as archive:  # type: ignore[call-overload]
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


TREE = [(member("a/b.txt"), b"hello\n"), (member("c"), b"")]


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def seven_zip_of(folder: Path, *options: str) -> bytes:
    need_program("7z", "p7zip-full")
    subprocess.run(["7z", "a", "-bd", *options, "../x.7z", "."], cwd=folder, check=True, capture_output=True)
    return (folder / "../x.7z").read_bytes()


ARCHIVES = {
    "tar": tar_of(TREE),
    "tar.gz": tar_of(TREE, "w:gz"),
    "tar.bz2": tar_of(TREE, "w:bz2"),
    "tar.xz": tar_of(TREE, "w:xz"),
    "zip": zip_of({"a/b.txt": b"hello\n", "c": b""}),
}


CALLED = {"tar": "data.csv", "tar.gz": "data", "tar.bz2": "data.zip", "tar.xz": "x.tar.xz", "zip": "x.tgz"}


@pytest.mark.parametrize(("kind", "name"), CALLED.items())
def test_an_archive_is_unpacked_whatever_it_is_called(
    site: ScriptSite, server: FileServer, kind: str, name: str
) -> None:
    outcome = fetch(site, server.serve(f"/{name}", ARCHIVES[kind]), f"{LIST}; cat a/b.txt")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "./a\n./a/b.txt\n./c\nhello\n", "")


def test_a_7z_archive_is_unpacked(site: ScriptSite, server: FileServer, tmp_path: Path) -> None:
    folder = tmp_path / "tree" / "a"
    folder.mkdir(parents=True)
    (folder / "b.txt").write_text("hello\n")
    address = server.serve("/data", seven_zip_of(tmp_path / "tree"))
    outcome = fetch(site, address, f"{LIST}; cat a/b.txt")
    assert (outcome.exit_code, outcome.stdout) == (0, "./a\n./a/b.txt\nhello\n")


@pytest.mark.parametrize(
    ("packed", "name", "kept"),
    [
        (gzip.compress(b"text\n", mtime=0), "frame.vcf.gz", "frame.vcf"),
        (bz2.compress(b"text\n"), "x.bz2", "x"),
        (lzma.compress(b"text\n"), "x.xz", "x"),
        (gzip.compress(b"text\n", mtime=0), "x.blend", "x.blend"),
        (gzip.compress(b"text\n", mtime=0), ".gz", ".gz"),
    ],
    ids=["gz", "bz2", "xz", "other ending", "nothing but the ending"],
)
def test_a_compressed_file_is_unpacked_and_loses_its_ending(
    site: ScriptSite, server: FileServer, packed: bytes, name: str, kept: str
) -> None:
    outcome = fetch(site, server.serve(f"/{name}", packed), f"{LIST}; cat *.* .gz x 2>/dev/null; true")
    assert (outcome.exit_code, outcome.stdout) == (0, f"./{kept}\ntext\n")


@pytest.mark.parametrize(
    ("path", "body", "kept"),
    [
        ("/zipcodes.csv", b"8001,Zurich\n", "zipcodes.csv"),
        ("/archive.zip", b"this is no zip", "archive.zip"),
        ("/empty.tar.gz", b"", "empty.tar.gz"),
        ("/", b"x", "data"),
        ("/..", b"x", "data"),
        ("/%2e%2e", b"x", "data"),
        ("/a%2Fb", b"x", "data"),
        ("/two%0Alines", b"x", "data"),
        ("/a%20b%27%24%28c%29?token=1", b"x", "a b'$(c)"),
        ("/-rf", b"x", "-rf"),
        ("/" + "n" * 250, b"x", "data"),
    ],
)
def test_a_file_that_is_no_archive_is_kept(
    site: ScriptSite, server: FileServer, path: str, body: bytes, kept: str
) -> None:
    look = 'cd "$DEEPSQUARE_INPUT" && find . -type f -printf "%f\\n" -exec cat {} +'
    server.serve(path, body)
    server.serve("/" + path.lstrip("/."), body)  # curl itself takes the dots away
    outcome = fetch(site, server.address + path, look)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, f"{kept}\n{body.decode()}", "")


# -- archives that are broken, or that reach out


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_broken_archive_fails_the_job_and_says_so(site: ScriptSite, server: FileServer, kind: str) -> None:
    body = ARCHIVES[kind]
    cut = body[:600] if kind == "tar" else body[: len(body) * 2 // 3]
    called = {"tar": "tar", "tar.gz": "gzip", "tar.bz2": "bzip2", "tar.xz": "xz", "zip": "zip"}[kind]
    assert_refused(fetch(site, server.serve("/x", cut)), f"this {called} archive is broken")


@pytest.mark.parametrize(
    "members",
    [
        [(member("../out"), b"x")],
        [(member("a/../../out"), b"x")],
        [(member("/opt/out"), b"x")],
        [(member(".."), b"")],
        [(member("a\n/../../out"), b"x")],
        [(member("link", tarfile.SYMTYPE, "/etc"), b"")],
        [(member("link", tarfile.SYMTYPE, "../.."), b"")],
        [(member("a/link", tarfile.SYMTYPE, "../b/../../x"), b"")],
        [(member("one", tarfile.SYMTYPE, "two/.."), b""), (member("two", tarfile.SYMTYPE, "/"), b"")],
        [(member("link", tarfile.SYMTYPE, "TARGET"), b""), (member("link/out"), b"x")],
        [(member("hard", tarfile.LNKTYPE, "/etc/hostname"), b"")],
        [(member("pipe", tarfile.FIFOTYPE), b"")],
    ],
)
def test_a_tar_that_would_reach_out_of_the_input_is_refused(
    site: ScriptSite, server: FileServer, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for info, _ in members:
        info.linkname = info.linkname.replace("TARGET", str(outside))
    outcome = fetch(site, server.serve("/x", tar_of(members)))
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert outcome.stderr.startswith(("deepsquare: input: refused, for ", "deepsquare: input: this tar archive is"))
    assert list(outside.iterdir()) == []
    assert not [path for path in site.folder.rglob("out*") if path.name == "out"]


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/opt/out", "a\\..\\..\\out", "\\out"])
def test_a_zip_that_would_reach_out_of_the_input_is_refused(site: ScriptSite, server: FileServer, name: str) -> None:
    outcome = fetch(site, server.serve("/x", zip_of({"good": b"", name: b"x"})))
    assert_refused(outcome, "refused, for a file in the archive lies outside of it")


def zip_with_link(target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, target)
        archive.writestr("link/out", b"x")
    return buffer.getvalue()


def test_a_zip_with_a_link_that_leads_out_is_refused(site: ScriptSite, server: FileServer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outcome = fetch(site, server.serve("/x", zip_with_link(str(outside))))
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert list(outside.iterdir()) == []


def test_links_within_an_archive_are_unpacked(site: ScriptSite, server: FileServer) -> None:
    members = [
        (member("lib/file.1"), b"x\n"),
        (member("lib/file", tarfile.SYMTYPE, "file.1"), b""),
        (member("bin/file", tarfile.SYMTYPE, "../lib/file"), b""),
        (member("bin/hard", tarfile.LNKTYPE, "lib/file.1"), b""),
    ]
    outcome = fetch(site, server.serve("/x", tar_of(members)), 'cd "$DEEPSQUARE_INPUT/bin" && cat file hard')
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "x\nx\n", "")


def test_a_7z_archive_with_links_is_refused(site: ScriptSite, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("/etc")
    outcome = fetch(site, server.serve("/x", seven_zip_of(tmp_path / "tree", "-snl")))
    assert_refused(outcome, "refused, for it is a 7z archive with links")


@pytest.mark.parametrize(("kind", "program"), [("tar.xz", "xz"), ("tar.bz2", "bzip2")])
def test_a_missing_program_is_told(
    site: ScriptSite, server: FileServer, tmp_path: Path, kind: str, program: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("env", "bash", "mkdir", "rm", "sh", "chmod", "mktemp", "mv", "od", "curl", "tar", "grep"):
        (tools / name).symlink_to(shutil.which(name) or "")
    outcome = site.run(script(command("true"), fetched=server.serve("/x", ARCHIVES[kind])), {"PATH": str(tools)})
    assert_refused(
        outcome, f"this is a {program} archive, and no program here unpacks one; ask the provider for {program}"
    )


# -- modes


def test_the_mode_is_set_for_every_file_and_folders_can_be_entered(site: ScriptSite, server: FileServer) -> None:
    look = 'cd "$DEEPSQUARE_INPUT" && stat -c "%a %n" . a a/b.txt c'
    address = server.serve("/x", ARCHIVES["tar.gz"])
    assert fetch(site, address, look, mode=0o640).stdout == "750 .\n750 a\n640 a/b.txt\n640 c\n"
    assert fetch(site, address, look, mode=493).stdout == "755 .\n755 a\n755 a/b.txt\n755 c\n"
    assert fetch(site, address, "true", mode=0).exit_code == 0


def test_a_mode_does_not_go_through_links(site: ScriptSite, server: FileServer) -> None:
    members = [(member("file"), b""), (member("link", tarfile.SYMTYPE, "gone"), b"")]
    assert fetch(site, server.serve("/x", tar_of(members)), mode=0o600).exit_code == 0


# -- servers that fail


def test_a_missing_file_fails_the_job(site: ScriptSite, server: FileServer) -> None:
    assert_refused(fetch(site, f"{server.address}/nowhere?key={SECRET}"), "its server answers 404")


def test_a_server_that_is_away_fails_the_job(site: ScriptSite) -> None:
    assert_refused(fetch(site, f"http://user:{SECRET}@127.0.0.1:1/x"), "its server cannot be reached")


def test_a_connection_that_is_cut_fails_the_job(site: ScriptSite, server: FileServer) -> None:
    assert_refused(fetch(site, server.serve("/x", Answer(b"half", is_cut=True))), "the connection was cut")


def test_a_server_that_is_busy_is_asked_again(site: ScriptSite, server: FileServer) -> None:
    outcome = fetch(site, server.serve("/x", Answer(status=503), b"x"))
    assert (outcome.exit_code, outcome.stdout, server.requests) == (0, "./x\n", ["/x", "/x"])


def test_redirects_are_followed(site: ScriptSite, server: FileServer) -> None:
    server.serve("/real", b"x")
    outcome = fetch(site, server.serve("/x", Answer(status=302, location="/real")))
    assert (outcome.exit_code, outcome.stdout) == (0, "./x\n")


@pytest.mark.parametrize("location", ["/x", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirects_in_a_circle_or_to_something_else_are_refused(
    site: ScriptSite, server: FileServer, location: str
) -> None:
    outcome = fetch(site, server.serve("/x", Answer(status=302, location=location)))
    assert_refused(outcome, "its address redirects too often, or from https to something else")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    need_program("openssl")
    file = tmp_path / "certificate.pem"
    request = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    out = ["-keyout", str(tmp_path / "key"), "-out", str(file)]
    subprocess.run(["openssl", "req", *request, *names, *out], check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "key").read_text())
    return file


def test_a_redirect_from_https_to_http_is_refused(site: ScriptSite, server: FileServer, certificate: Path) -> None:
    with file_server(certificate) as secure:
        address = secure.serve("/x", Answer(status=302, location=server.serve("/y", b"y")))
        outcome = site.run(script(command(LIST), fetched=address), {"CURL_CA_BUNDLE": str(certificate)})
    assert_refused(outcome, "its address redirects too often, or from https to something else")
    assert server.requests == []


def test_a_server_that_nobody_vouches_for_is_refused(site: ScriptSite, certificate: Path) -> None:
    with file_server(certificate) as secure:
        assert_refused(fetch(site, secure.serve("/x", b"x")), "its server cannot prove who it is (TLS)")


def test_a_site_without_curl_says_so(site: ScriptSite, server: FileServer) -> None:
    text = script(command("true"), fetched=server.serve("/x", b""))
    outcome = site.run(text, {"DEEPSQUARE_SITE_CURL": "/nowhere/curl"})
    assert_refused(outcome, "there is no curl here; the provider names it in DEEPSQUARE_SITE_CURL")


def test_a_job_that_is_asked_to_end_while_it_fetches_ends(site: ScriptSite, server: FileServer) -> None:
    jobs: list[subprocess.Popen[bytes]] = []
    server.on_request = lambda: jobs[0].send_signal(signal.SIGTERM)
    jobs.append(site.start(script(command("echo never"), fetched=server.serve("/x", Answer(b"x", is_cut=True)))))
    outcome = site.finish(jobs[0])
    assert (outcome.exit_code, outcome.calls, site.scratch_folders()) == (143, [], [])


# -- outputs

WRITE = 'cd "$DEEPSQUARE_OUTPUT" && '


def test_one_file_is_sent_as_it_is_under_its_own_name(site: ScriptSite, server: FileServer) -> None:
    outcome = site.run(script(command(f"{WRITE} printf data >'a b[1]'"), sent=f"{server.address}/up/"))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert server.uploads == [Upload("/up/a%20b%5b1%5d", b"data")] or server.uploads == [
        Upload("/up/a%20b%5B1%5D", b"data")
    ]


def test_an_address_with_a_name_is_taken_as_it_is(site: ScriptSite, server: FileServer) -> None:
    site.run(script(command(f"{WRITE} printf data >result"), sent=f"{server.address}/up/key?signed=yes"))
    assert server.uploads == [Upload("/up/key?signed=yes", b"data")]


@pytest.mark.parametrize("write", ["mkdir -p a/b; printf data >a/b/c; printf x >.d", "mkdir a; printf x >a/-c"])
def test_many_files_are_sent_as_one_zip(site: ScriptSite, server: FileServer, write: str) -> None:
    outcome = site.run(script(command(WRITE + write), sent=f"{server.address}/"))
    assert outcome.exit_code == 0
    (upload,) = server.uploads
    assert upload.path == "/output.zip"
    with zipfile.ZipFile(io.BytesIO(upload.body)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    assert files in ({"a/b/c": b"data", ".d": b"x"}, {"a/-c": b"x"})


def test_links_to_results_elsewhere_are_sent_as_what_they_lead_to(site: ScriptSite, server: FileServer) -> None:
    write = 'echo result >"$STORAGE_PATH/r"; ln -s "$STORAGE_PATH/r" "$DEEPSQUARE_OUTPUT/r"'
    site.run(script(command(write), sent=f"{server.address}/"))
    assert server.uploads == [Upload("/r", b"result\n")]


def test_the_answer_of_the_server_is_shown_where_it_holds_no_secret(site: ScriptSite, server: FileServer) -> None:
    server.serve("/r", b"https://transfer.example/abc/r\x1b[2J\n")
    write = command(f"{WRITE} echo >r")
    assert site.run(script(write, sent=f"{server.address}/")).stdout == "https://transfer.example/abc/r[2J\n"
    assert site.run(script(write, sent=f"{server.address}/", is_logged=False)).stdout == ""
    server.serve(f"/r?key={SECRET}", SECRET.encode())
    assert site.run(script(write, sent=f"{server.address}/r?key={SECRET}")).stdout == ""


def test_nothing_to_send_is_told_and_no_failure(site: ScriptSite, server: FileServer) -> None:
    outcome = site.run(script(command("true"), sent=f"{server.address}/"))
    assert (outcome.exit_code, server.requests) == (0, [])
    assert outcome.stderr == "deepsquare: output: there is nothing in $DEEPSQUARE_OUTPUT to send\n"


@pytest.mark.parametrize("end", ["exit 3", "kill -TERM $PPID; sleep 60"])
def test_nothing_is_sent_where_a_step_fails_or_the_job_is_stopped(
    site: ScriptSite, server: FileServer, end: str
) -> None:
    outcome = site.run(script(command(f"{WRITE} echo >r; {end}"), command("echo never"), sent=f"{server.address}/"))
    assert outcome.exit_code != 0
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(status=403), "its server answers 403"),
        (Answer(status=400, body=SECRET.encode()), "its server answers 400"),
        (Answer(is_cut=True), "the connection was cut"),
    ],
)
def test_an_upload_that_fails_fails_the_job(site: ScriptSite, server: FileServer, answer: Answer, why: str) -> None:
    address = server.serve(f"/r?key={SECRET}", answer)
    outcome = site.run(script(command(f"{WRITE} echo >r"), sent=address))
    assert (outcome.exit_code, outcome.stderr) == (1, f"deepsquare: output: {why}\n")


def test_an_upload_follows_a_redirect(site: ScriptSite, server: FileServer) -> None:
    address = server.serve("/r", Answer(status=307, location="/there"))
    assert site.run(script(command(f"{WRITE} printf x >r"), sent=address)).exit_code == 0
    assert server.uploads == [Upload("/there", b"x")]


def test_an_output_that_cannot_be_zipped_fails_the_job(site: ScriptSite, server: FileServer, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "zip").write_text("#!/bin/sh\nexit 18\n")
    (tools / "zip").chmod(0o755)
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    outcome = site.run(script(command(f"{WRITE} echo >a; echo >b"), sent=f"{server.address}/"), path)
    assert (outcome.exit_code, server.requests) == (1, [])
    assert outcome.stderr == "deepsquare: output: it cannot be zipped; is the disk full, or a file not readable?\n"


# -- secrets and attacks


def test_addresses_are_on_no_command_line_and_in_no_log(site: ScriptSite, server: FileServer) -> None:
    fetched, sent = f"/in?key={SECRET}-1", f"/out?key={SECRET}-2"
    server.serve(fetched, b"x")
    text = script(command(f"{WRITE} env >r"), fetched=server.address + fetched, sent=server.address + sent)
    outcome = site.run(text)
    assert (outcome.exit_code, server.requests) == (0, [fetched, sent])
    assert len([line for line in server.command_lines if "--config" in line and "/transfer-" in line]) >= 2
    assert not [line for line in server.command_lines if SECRET in line]
    assert SECRET not in outcome.stdout + outcome.stderr + server.uploads[0].body.decode()


def test_attacks_in_an_address_are_only_an_address(site: ScriptSite, server: FileServer) -> None:
    attacks = "".join(character for character in "".join(ATTACKS) if character.isprintable() and character > " ")
    address = f"{server.address}/{attacks}"
    assert_refused(fetch(site, address), "its server answers 404")
    assert site.run(script(command(f"{WRITE} echo >r"), sent=address)).exit_code == 0
    assert not list(site.folder.rglob(CANARY))
    assert not Path(CANARY).exists()


IN_AN_ADDRESS = "!$&()*+,;=:@'\"[]{}|^`\\~<>"
"""What may stand in an address as it is, with all that a shell or the configuration of curl could stumble over."""
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)


@examples(quick=5, thorough=500, suppress=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, min_size=2, max_size=2))
def test_any_address_arrives_byte_for_byte(site: ScriptSite, names: list[str]) -> None:
    path, query = (percent(name, safe=IN_AN_ADDRESS) for name in names)
    target = f"/in/{path}?{query}"
    with file_server() as server:
        address = server.serve(target, b"x")
        outcome = site.run(script(command(f"{WRITE} printf data >r"), fetched=address, sent=address))
        assert (outcome.exit_code, outcome.stderr, server.requests) == (0, "", [target, target])


def test_shellcheck_has_nothing_to_say_about_transports() -> None:
    text = script(command("true"), fetched="https://a/'$(b)\"", mode=0o640, sent="https://a/`b`\\")
    assert complaints(text) == ""
