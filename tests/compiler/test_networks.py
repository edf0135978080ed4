"""Networks of steps, in namespaces that these tests have made: no packet meets the machine's own network."""

import base64
import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given

from deepsquare import compiler
from deepsquare.workflow import Bore, NetworkInterface, Run, Step, Wireguard, WireguardPeer
from tests.support.internet import HOST, ConnectedSite, Internet, internet
from tests.support.needs import need_program
from tests.support.profiles import examples
from tests.support.scripts import Outcome, ScriptSite, script_of_steps, shell_words, variables
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY, TEXTS

pytestmark = pytest.mark.system

KINDS = ("slirp4netns", "pasta")
KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = "s3cret-of-a-tunnel"


def step(text: str, network: str = "slirp4netns", *interfaces: NetworkInterface, **more: int | str) -> Step:
    run = Run(command=text, network=network, interfaces=interfaces, **more)  # type: ignore[arg-type]
    return Step(run=run)


def run(site: ConnectedSite, *steps: Step, **environment: str) -> Outcome:
    return site.run(script_of_steps(*steps), environment)


def program(path: Path, text: str) -> str:
    """The path of a program of these tests."""
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return str(path)


# -- own networks


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_reaches_the_world_but_not_the_loopback_of_its_host(inner_site: ConnectedSite, kind: str) -> None:
    reach = f"curl -s http://{HOST}:8000/hello"
    hosts = "for host in 127.0.0.1 10.0.2.2; do curl -s -m 2 http://$host:8000/hello; done; exit 0"
    outcome = run(inner_site, step(f"{reach}; {hosts}", kind))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "hello from the world\n", "")


@pytest.mark.parametrize("kind", KINDS)
def test_all_nameservers_count_and_the_host_keeps_its_own(inner_site: ConnectedSite, kind: str) -> None:
    before = Path("/etc/resolv.conf").read_text()
    servers = ("1.1.1.1", "8.8.8.8", "fd00::53")
    outcome = run(inner_site, step("cat /etc/resolv.conf", kind, dns=servers))  # type: ignore[arg-type]
    assert outcome.stdout == "".join(f"nameserver {server}\n" for server in servers)
    assert Path("/etc/resolv.conf").read_text() == before


@pytest.mark.parametrize(("kind", "address"), [("slirp4netns", "10.0.2.3"), ("pasta", "169.254.1.1")])
def test_without_nameservers_the_network_asks_those_of_the_host(
    inner_site: ConnectedSite, kind: str, address: str
) -> None:
    assert run(inner_site, step("cat /etc/resolv.conf", kind)).stdout == f"nameserver {address}\n"


@pytest.mark.parametrize("kind", ["host", *KINDS])
@pytest.mark.parametrize(("uid", "gid"), [(1234, 77), (0, 0), (4294967294, 5)])
def test_a_command_sees_itself_as_it_is_mapped(inner_site: ConnectedSite, kind: str, uid: int, gid: int) -> None:
    text = 'echo "$(id -u) $(id -g)"; touch "$STORAGE_PATH/x"; id -un >/dev/null && echo named'
    outcome = run(inner_site, step(text, kind, map_uid=uid, map_gid=gid))
    assert (outcome.exit_code, outcome.stdout) == (0, f"{uid} {gid}\nnamed\n")


def test_one_id_alone_is_mapped_and_the_other_stays(inner_site: ConnectedSite) -> None:
    outcome = run(inner_site, step('echo "$(id -u) $(id -g)"', map_gid=7), step("id -u", "host", map_uid=9))
    assert outcome.stdout == f"{os.geteuid()} 7\n9\n"


@pytest.mark.parametrize("kind", KINDS)
def test_the_exit_code_the_folder_and_the_variables_are_the_commands(inner_site: ConnectedSite, kind: str) -> None:
    text = 'pwd; printf "%s\\n" "$A"; exit 7'
    job = Run(command=text, network=kind, work_dir="/usr", env=variables({"A": 'it\'s "me"', "process": "x"}))
    outcome = run(inner_site, Step(run=job))
    assert (outcome.exit_code, outcome.stdout) == (7, '/usr\nit\'s "me"\n')


def test_a_command_that_is_asked_to_end_still_has_its_network(inner_site: ConnectedSite, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    text = (
        f"trap 'curl -s http://{HOST}:8000/hello; exit 0' TERM; sleep 60 >/dev/null 2>&1 & echo >{tmp_path}/ready; wait"
    )
    process = inner_site.start(script_of_steps(step(text), step("echo never")))
    (tmp_path / "ready").read_text()
    process.send_signal(signal.SIGTERM)
    outcome = inner_site.finish(process)
    assert (outcome.exit_code, outcome.stdout) == (143, "hello from the world\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_finds_nothing_of_its_networks_making_on_the_node(inner_site: ConnectedSite, kind: str) -> None:
    """Slurm kills all else of a step as soon as its command has ended: nobody could remove it then."""
    outcome = run(inner_site, step('ls -A "$DEEPSQUARE_DISK_TMP"; echo done', kind, map_uid=0))
    assert (outcome.exit_code, outcome.stdout) == (0, "done\n")


# -- sites that lack something


@pytest.mark.parametrize(
    ("kind", "variable"), [("slirp4netns", "DEEPSQUARE_SITE_SLIRP4NETNS"), ("pasta", "DEEPSQUARE_SITE_PASTA")]
)
def test_a_site_without_the_program_says_so(inner_site: ConnectedSite, kind: str, variable: str) -> None:
    outcome = run(inner_site, step("echo never", kind), **{variable: "/nowhere/program"})
    assert (outcome.exit_code != 0, outcome.stdout) == (True, "")
    assert "deepsquare: the network of this step cannot be made: " in outcome.stderr
    assert "/nowhere/program" in outcome.stderr


def test_a_node_without_namespaces_says_so(inner_site: ConnectedSite, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "unshare", "exit 1")
    outcome = run(inner_site, step("echo never"), PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "this node lets nobody make namespaces of his own" in outcome.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_that_keeps_its_tunnel_device_to_itself_says_so(world: Internet, tmp_path: Path, kind: str) -> None:
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /dev/net && exec "$@"', "sh")
    outcome = run(ConnectedSite(tmp_path / "site", world, *hidden), step("echo never", kind))
    assert outcome.stdout == ""
    assert "cannot be made: users may not open /dev/net/tun on this node" in outcome.stderr


# -- what makes a network hangs or ends


def impatient(script: str, long: str, short: str) -> str:
    """The script with a shorter wait."""
    assert long in script
    return script.replace(long, short)


def test_a_program_that_hangs_ends_the_step_with_its_reason(inner_site: ConnectedSite, tmp_path: Path) -> None:
    hangs = program(tmp_path / "hangs", "exec sleep 600")
    script = impatient(script_of_steps(step("echo never")), "tries < 600", "tries < 5")
    outcome = inner_site.run(script, {"DEEPSQUARE_SITE_SLIRP4NETNS": hangs})
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    reason = "the program that makes it has said nothing for a minute; submit the job again"
    assert f"deepsquare: the network of this step cannot be made: {reason}" in outcome.stderr


def test_a_step_does_not_wait_for_ever_for_its_network(inner_site: ConnectedSite, tmp_path: Path) -> None:
    kills_who_started_it = program(tmp_path / "kills", 'kill -s KILL "$PPID"')
    script = impatient(script_of_steps(step("echo never")), "--foreground 180", "--foreground 1")
    outcome = inner_site.run(script, {"DEEPSQUARE_SITE_SLIRP4NETNS": kills_who_started_it})
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "deepsquare: the network of this step was not made: what makes it has ended" in outcome.stderr


def test_what_makes_a_network_does_not_wait_for_ever_for_its_step(tmp_path: Path) -> None:
    """Slurm would end it; where nobody does it must end by itself."""
    runtime = (Path(compiler.__file__).parent / "runtime" / "network.sh").read_text()
    ends_meanwhile = """
        attach_network() { kill -s KILL "$1"; }
        mkdir task step && mkfifo task/inside task/outside
        echo inside >task/inside &
        sleep 600 & tend_network "$!" task step slirp4netns
    """
    script = impatient(runtime, "KILL 60", "KILL 1") + ends_meanwhile
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=20)
    assert not (tmp_path / "task").exists()


# -- WireGuard


def pair() -> tuple[str, str]:
    """A private key and its public one."""
    private = subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout
    public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout
    return private.strip(), public.strip()


def test_everything_that_is_said_of_a_peer_is_in_the_configuration() -> None:
    first = WireguardPeer(
        public_key=KEY, pre_shared_key=KEY, allowed_ips=("10.1.0.0/16", "fd00::/8"), endpoint="a.example:1"
    )
    second = WireguardPeer(public_key=KEY, persistent_keepalive=0)
    third = WireguardPeer(public_key=KEY, persistent_keepalive=25)
    own = Wireguard(private_key=KEY, address=("10.0.0.2/24", "fd00::2/64"), peers=(first, second, third))
    text = script_of_steps(step("true", "pasta", bore(1, None), NetworkInterface(wireguard=own)))
    configuration = f"""[Interface]
PrivateKey = {KEY}
[Peer]
PublicKey = {KEY}
PresharedKey = {KEY}
AllowedIPs = 10.1.0.0/16, fd00::/8
Endpoint = a.example:1
[Peer]
PublicKey = {KEY}
PersistentKeepalive = 0
[Peer]
PublicKey = {KEY}
PersistentKeepalive = 25
"""
    assert f"wireguard wg1 '{configuration}' '10.0.0.2/24 fd00::2/64' '10.1.0.0/16 fd00::/8'" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("allowed", ["10.9.0.9/24", "0.0.0.0/0"])
def test_a_step_talks_through_wireguard(tmp_path: Path, kind: str, allowed: str) -> None:
    need_program("wireguard-go")
    (own, own_public), (others, others_public) = pair(), pair()
    shared = pair()[0]
    (tmp_path / "peer").write_text(
        f"[Interface]\nPrivateKey = {others}\nListenPort = 51820\n"
        f"[Peer]\nPublicKey = {own_public}\nPresharedKey = {shared}\nAllowedIPs = 10.9.0.2/32\n"
    )
    peer = WireguardPeer(
        public_key=others_public, pre_shared_key=shared, allowed_ips=(allowed,), endpoint=f"{HOST}:51820"
    )
    interface = NetworkInterface(wireguard=Wireguard(private_key=own, address=("10.9.0.2/24",), peers=(peer,)))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hello").write_text("hello from the tunnel\n")
    look = "ps -e -ww -o args; env; stat -c '%a %n' $STORAGE_PATH/network-*/*; ip -br address show wg0"
    with internet() as inner:
        inner.serve_wireguard(tmp_path / "peer")
        inner.serve(inner.host, "10.9.0.1", tmp_path / "files")
        site = ConnectedSite(tmp_path / "tunnel", inner)
        outcome = run(site, step(f"curl -s -m 20 http://10.9.0.1:8000/hello; {look}", kind, interface))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("hello from the tunnel\n")
    assert "10.9.0.2/24" in outcome.stdout
    assert [line.split()[0] for line in outcome.stdout.splitlines() if line.endswith("/wg0.conf")] == ["600"]
    assert not [key for key in (own, shared) if key in outcome.stdout + str(outcome.calls)]


def test_a_node_without_wireguard_says_so(inner_site: ConnectedSite) -> None:
    probe = ["unshare", "-Urn", "ip", "link", "add", "wg0", "type", "wireguard"]
    if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        pytest.skip("this kernel has WireGuard")
    interface = NetworkInterface(wireguard=Wireguard(private_key=KEY))
    outcome = run(inner_site, step("echo never", "pasta", interface), DEEPSQUARE_SITE_WIREGUARD="/nowhere")
    assert outcome.stdout == ""
    assert "this node has no WireGuard: neither its kernel nor a program (wireguard-go)" in outcome.stderr


# -- tunnels


def bore(port: int, secret: str | None = None) -> NetworkInterface:
    return NetworkInterface(bore=Bore(bore_address="bore.example:2200", target_port=port, secret=secret))


def test_a_tunnel_is_the_sites_program_within_the_network_of_the_step(
    inner_site: ConnectedSite, tmp_path: Path
) -> None:
    tell = 'echo "$1 $2 $(ip -br link show tap0 | cut -d " " -f 1)"'
    tell += '; printf %s "$BORE_SECRET" >"$0.secret"; : >"$0.up"; exec sleep 60'
    tunnel = program(tmp_path / "tunnel", tell)
    wait = f"until [ -e {tunnel}.up ]; do sleep 0.05; done; ps -e -ww -o args; env"
    outcome = run(inner_site, step(wait, "slirp4netns", bore(8080, SECRET)), DEEPSQUARE_SITE_TUNNEL=tunnel)
    assert (outcome.exit_code, outcome.stderr) == (0, "bore.example:2200 8080 tap0\n")
    assert Path(f"{tunnel}.secret").read_text() == SECRET
    assert SECRET not in outcome.stdout + str(outcome.calls)


def test_a_site_without_a_program_for_tunnels_says_so(inner_site: ConnectedSite) -> None:
    outcome = run(inner_site, step("echo never", "pasta", bore(80)))
    assert outcome.stdout == ""
    assert "cannot be made: this site has no program for tunnels (bore)" in outcome.stderr


def check_secret(site: ConnectedSite, tunnel: str, text: str) -> None:
    wait = f"until [ -e {tunnel}.up ]; do sleep 0.05; done"
    outcome = run(site, step(wait, "slirp4netns", bore(8080, text)), DEEPSQUARE_SITE_TUNNEL=tunnel)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert Path(f"{tunnel}.secret").read_bytes() == text.encode()
    assert not list(site.folder.rglob(CANARY))
    Path(f"{tunnel}.up").unlink()


@examples(quick=3, thorough=300, suppress=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_any_secret_of_a_tunnel_arrives_byte_for_byte(inner_site: ConnectedSite, tmp_path: Path, text: str) -> None:
    tunnel = program(tmp_path / "tunnel", 'printf %s "$BORE_SECRET" >"$0.secret"; : >"$0.up"')
    check_secret(inner_site, tunnel, text)


def test_attacks_in_one_secret_are_only_text(inner_site: ConnectedSite, tmp_path: Path) -> None:
    tunnel = program(tmp_path / "tunnel", 'printf %s "$BORE_SECRET" >"$0.secret"; : >"$0.up"')
    check_secret(inner_site, tunnel, "".join(ATTACKS))


@pytest.mark.parametrize("allowed", ["", "pasta"])
def test_a_network_that_the_site_does_not_make_is_refused_before_the_command(site: ScriptSite, allowed: str) -> None:
    outcome = site.run(
        script_of_steps(step("echo never", network="slirp4netns")), {"DEEPSQUARE_SITE_NETWORKS": allowed}
    )
    assert (outcome.exit_code, outcome.stdout, outcome.calls) == (1, "", [])
    reason = "this site makes no networks by slirp4netns; the label network.slirp4netns tells which sites do"
    assert outcome.stderr == f"deepsquare: steps[0]: {reason}\n"


@pytest.mark.parametrize("first", range(0, len(ATTACKS), 8))
def test_an_attack_as_a_command_reaches_the_shell_byte_for_byte(recording_site: ScriptSite, first: int) -> None:
    texts = ATTACKS[first : first + 8]
    outcome = recording_site.run(script_of_steps(*[step(text, map_uid=5) for text in texts]))
    for call, text in zip(outcome.calls, texts, strict=True):
        assert call.program[-len(shell_words(text)) :] == shell_words(text)


def test_shellcheck_has_nothing_to_say() -> None:
    peer = WireguardPeer(public_key=KEY, allowed_ips=("0.0.0.0/0", "::/0"), endpoint="a.example:1")
    wireguard = NetworkInterface(wireguard=Wireguard(private_key=KEY, address=("10.0.0.2/24",), peers=(peer,)))
    run = Run(command="true", network="pasta", dns=("1.1.1.1",), interfaces=(wireguard, bore(1, "'$(x)\n")), map_uid=1)
    assert complaints(script_of_steps(Step(run=run), Step(run=Run(command="true", map_gid=1)))) == ""
