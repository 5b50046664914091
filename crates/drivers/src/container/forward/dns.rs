//! One question to the cluster's DNS: the address of a Service. Source of the format: RFC 1035,
//! sections 4.1 and 3.4.1.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// The query for the IPv4 address of a name.
fn query(id: u16, name: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    // Recursion desired; one question, nothing else.
    message.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // Kubernetes names have labels of 63 characters at most.
        message.push(u8::try_from(label.len()).unwrap_or(63));
        message.extend(label.bytes().take(63));
    }
    // End of the name, type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The first address in an answer to that query; `None` for anything else.
fn address(question: &[u8], answer: &[u8]) -> Option<Ipv4Addr> {
    if answer.get(..2)? != question.get(..2)? {
        return None;
    }
    let flags = u16::from_be_bytes([*answer.get(2)?, *answer.get(3)?]);
    let answers = u16::from_be_bytes([*answer.get(6)?, *answer.get(7)?]);
    // An answer (first bit) without an error (last four).
    if flags & 0x8000 == 0 || flags & 0x000f != 0 {
        return None;
    }
    let mut at = question.len();
    for _ in 0..answers {
        at = skip_name(answer, at)?;
        let kind = u16::from_be_bytes([*answer.get(at)?, *answer.get(at + 1)?]);
        let size = u16::from_be_bytes([*answer.get(at + 8)?, *answer.get(at + 9)?]);
        let data = answer.get(at + 10..at + 10 + usize::from(size))?;
        if let (1, [a, b, c, d]) = (kind, data) {
            return Some(Ipv4Addr::new(*a, *b, *c, *d));
        }
        at += 10 + usize::from(size);
    }
    None
}

/// The position behind a name, which may end in a pointer to an earlier one.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// Asks a server for the address of a name, from the network namespace of the calling thread.
pub(super) fn look_up(server: IpAddr, name: &str, limit: Duration) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.set_read_timeout(Some(limit)).ok()?;
    socket.connect(SocketAddr::new(server, 53)).ok()?;
    // The socket is connected and lives for one question: the port is the secret, not the id.
    let question = query(0x5d1e, name);
    socket.send(&question).ok()?;
    let mut buffer = [0; 1232];
    let n = socket.recv(&mut buffer).ok()?;
    address(&question, buffer.get(..n)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(question: &[u8], flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[7] = u8::try_from(records.len()).unwrap();
        for record in records {
            message.extend(*record);
        }
        message
    }

    #[test]
    fn takes_the_address_behind_an_alias() {
        let question = query(7, "podinfo.podinfo.svc.cluster.local");
        let alias = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 5, 0, 2, 0xc0, 12];
        let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 1, 2];
        let answer = answered(&question, 0x8180, &[&alias, &record]);
        assert_eq!(
            address(&question, &answer),
            Some(Ipv4Addr::new(10, 96, 1, 2))
        );
    }

    #[test]
    fn takes_nothing_from_errors_strangers_and_garbage() {
        let question = query(7, "a.b");
        let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 1, 2];
        let good = answered(&question, 0x8180, &[&record]);
        assert_eq!(
            address(&question, &answered(&question, 0x8183, &[])),
            None,
            "NXDOMAIN"
        );
        assert_eq!(address(&query(8, "a.b"), &good), None, "another question");
        for end in 0..good.len() {
            assert_eq!(address(&question, &good[..end]), None, "cut off at {end}");
        }
    }
}
