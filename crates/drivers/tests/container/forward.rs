//! Forwards into a machine.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::Duration;

use drivers::Forwards as _;

use crate::lab::{Image, Lab};
use crate::life::teardown;

pub fn a_forward_leads_inside(image: &Image) {
    let lab = Lab::new(image, 3);
    let (network, machine) = (lab.network(), lab.machine(1, 1, 1));
    // `n0` is not there: the next node leads there as well.
    let forward = lab.forward(&["n0", "n1"]);
    for step in [&network, &machine, &forward] {
        lab.apply(step);
    }
    lab.assert_well(&forward);
    let port = lab
        .driver
        .listening_port(&lab.scope, "main-api")
        .unwrap()
        .unwrap();
    assert!((20_000..30_000).contains(&port));
    let seen = lab.see("forward/main-api");
    assert_eq!(seen.facts["url"], format!("https://127.0.0.1:{port}"));

    // Nobody listens inside yet: the connection is closed.
    let mut answer = String::new();
    let _ = TcpStream::connect(("127.0.0.1", port))
        .unwrap()
        .read_to_string(&mut answer);
    assert_eq!(answer, "");

    // The answer comes only after our end of input, so halves are closed one by one.
    lab.inside(
        "n1",
        "setsid socat TCP-LISTEN:6443,fork SYSTEM:'wc -c' > /dev/null 2>&1 & sleep 0.3",
    );
    let clients: Vec<_> = (1..=20_usize)
        .map(|n| {
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                stream.write_all(&vec![b'x'; n * 50_000]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert_eq!(answer.trim(), (n * 50_000).to_string());
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    memory_is_small(&seen.facts["pid"]);

    // Killed, it is made again on the same port.
    let pid = seen.facts["pid"].clone();
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    while lab
        .driver
        .listening_port(&lab.scope, "main-api")
        .unwrap()
        .is_some()
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    lab.apply(&forward);
    assert_eq!(
        lab.driver.listening_port(&lab.scope, "main-api").unwrap(),
        Some(port)
    );
    teardown(&lab, &[&forward, &machine, &network]);
}

fn memory_is_small(pid: &str) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 8 * 1024, "{line}");
}
