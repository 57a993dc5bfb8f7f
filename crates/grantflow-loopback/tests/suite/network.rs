//! The receiver as a peer in another network sees it: not at all (threat T16).
//!
//! The peer is this test in a network namespace of its own, at the other end of a wire to the namespace that the receiver is in.
//! Making them needs root or user namespaces, and `unshare` and `ip`.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{PATIENCE, authority, skip};
use grantflow_loopback::{LoopbackHost, Receiver, ReceiverOptions};

/// Which end of the wire this process is, and a test of its own for each.
const ROLE: &str = "GRANTFLOW_T16_ROLE";
const TEST: &str = "network::t16_a_peer_on_another_network_reaches_nothing";

/// The ends of the wire, and of documentation: RFC 5737 and RFC 3849.
const HERE: [&str; 2] = ["192.0.2.1", "2001:db8:16::1"];
const THERE: [&str; 2] = ["192.0.2.2", "2001:db8:16::2"];

#[test]
fn t16_a_peer_on_another_network_reaches_nothing() {
    match std::env::var(ROLE).as_deref() {
        Ok("peer") => be_the_peer(),
        Ok(_) => be_here(),
        Err(_) => {
            let mut own_network = vec!["unshare", "--net"];
            if !works(&own_network) {
                own_network = vec!["unshare", "--user", "--map-root-user", "--net"];
            }
            if !works(&own_network) {
                return skip(
                    TEST,
                    "no network namespace can be made: it needs unshare, and root or user namespaces",
                );
            }
            let mut probe = own_network.clone();
            probe.extend([
                "ip", "link", "add", "gf-a", "type", "veth", "peer", "name", "gf-b",
            ]);
            if !works(&probe) {
                return skip(
                    TEST,
                    "no wire can be laid: it needs `ip` of iproute2, and veth in the kernel",
                );
            }
            let status = again(&own_network, "here").status().unwrap();
            assert!(status.success(), "see above");
        }
    }
}

/// Whether a command that does nothing succeeds.
fn works(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    let command = command.args(&words[1..]);
    if words.last() == Some(&"--net") {
        command.arg("true");
    }
    command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// This test again, in a namespace of its own.
fn again(own_network: &[&str], role: &str) -> Command {
    let mut command = Command::new(own_network[0]);
    command
        .args(&own_network[1..])
        .arg(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role);
    command
}

#[track_caller]
fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}");
}

/// Puts this end of the wire to work; an address that is looked for on the wire first would come too late.
fn plug_in(end: &str, addresses: [&str; 2]) {
    ip("link set lo up");
    ip(&format!("addr add {}/24 dev {end}", addresses[0]));
    if has_v6() {
        ip(&format!("addr add {}/64 dev {end} nodad", addresses[1]));
    }
    ip(&format!("link set {end} up"));
}

fn has_v6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// The end that the receivers are at.
fn be_here() {
    ip("link set lo up");
    ip("link add gf-a type veth peer name gf-b");
    let mut peer = Peer::start();
    ip(&format!("link set gf-b netns {}", peer.child.id()));
    plug_in("gf-a", HERE);
    peer.plug_in();

    // What anybody may reach, so that what is refused is refused by the receiver and not by the wire.
    let open = [
        TcpListener::bind("0.0.0.0:0").ok(),
        TcpListener::bind("[::]:0").ok(),
    ];
    let mut hosts = vec![LoopbackHost::V4];
    if has_v6() {
        hosts.extend([LoopbackHost::V6, LoopbackHost::Localhost]);
    }
    let receivers: Vec<Receiver> = hosts
        .into_iter()
        .map(|host| Receiver::bind(&ReceiverOptions::new().host(host)).unwrap())
        .collect();
    let port = |uri: &str| -> u16 { authority(uri).rsplit_once(':').unwrap().1.parse().unwrap() };
    let ports: Vec<u16> = receivers
        .iter()
        .map(|receiver| port(receiver.redirect_uri()))
        .collect();

    let open_ports: Vec<u16> = open
        .iter()
        .flatten()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    let listening = listening();
    for (address, port) in &listening {
        let ours = ports.contains(port);
        let loopback = ["0100007F", "00000000000000000000000001000000"].contains(&address.as_str());
        assert!(
            ours == loopback && (ours || open_ports.contains(port)),
            "{listening:?}"
        );
    }
    for port in &ports {
        assert!(
            listening.iter().any(|(_, listens)| listens == port),
            "{listening:?}"
        );
        for here in addresses(HERE, *port) {
            // Connected to from here, too, by the address of the wire.
            assert_eq!(outcome(here), "refused", "{here}");
            assert_eq!(peer.connects(here), "refused", "{here}");
        }
    }
    for listener in open.iter().flatten() {
        let here = listener.local_addr().unwrap();
        let reached = addresses(HERE, here.port()).find(|address| address.is_ipv6() == here.is_ipv6());
        if let Some(reached) = reached {
            assert_eq!(
                peer.connects(reached),
                "connected",
                "the wire is broken: {reached}"
            );
        }
    }
}

fn addresses(of: [&'static str; 2], port: u16) -> impl Iterator<Item = SocketAddr> {
    let [v4, v6] = of.map(|address| SocketAddr::new(address.parse().unwrap(), port));
    [Some(v4), has_v6().then_some(v6)].into_iter().flatten()
}

/// All that listens in this namespace.
fn listening() -> Vec<(String, u16)> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        found.extend(text.lines().filter_map(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let (local, state) = (columns.next()?, columns.nth(1)?);
            let (address, port) = local.split_once(':')?;
            let port = u16::from_str_radix(port, 16).ok()?;
            (state == "0A").then(|| (address.to_owned(), port))
        }));
    }
    found
}

fn outcome(address: SocketAddr) -> &'static str {
    match TcpStream::connect_timeout(&address, PATIENCE.min(Duration::from_secs(10))) {
        Ok(_) => "connected",
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "refused",
        Err(_) => "lost",
    }
}

/// The other end: says `@here`, plugs itself in when told, then says of each address what became of a connection.
fn be_the_peer() {
    let mut out = std::io::stdout();
    let mut lines = std::io::stdin().lines().map_while(Result::ok);
    writeln!(out, "\n@here").unwrap();
    lines.next().unwrap();
    plug_in("gf-b", THERE);
    writeln!(out, "@plugged").unwrap();
    for line in lines {
        writeln!(out, "@{}", outcome(line.parse().unwrap())).unwrap();
    }
}

struct Peer {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Peer {
    fn start() -> Self {
        let mut command = again(&["unshare", "--net"], "peer");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, says };
        assert_eq!(peer.next(), "here");
        peer
    }

    fn next(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).unwrap(), 0, "the peer has ended");
            if let Some(said) = line.trim_end().strip_prefix('@') {
                return said.to_owned();
            }
        }
    }

    fn tell(&mut self, line: &str) -> String {
        let mut text = String::new();
        writeln!(text, "{line}").unwrap();
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        self.next()
    }

    fn plug_in(&mut self) {
        assert_eq!(self.tell("plug in"), "plugged");
    }

    fn connects(&mut self, address: SocketAddr) -> String {
        self.tell(&address.to_string())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
