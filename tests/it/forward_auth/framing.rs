//! Where a question ends.

use super::{ALL, cookie, world};
use crate::support::tool::{self, Wire};

#[tokio::test]
async fn a_body_behind_a_question_is_no_question() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    let answers = async |sent: String| {
        let mut wire = Wire::open(world.gate.address, sent).await;
        String::from_utf8(wire.rest().await).unwrap()
    };
    for contract in ALL {
        let (line, fields) = contract.question("GET /acme/bert");
        let question = |more: &str| {
            format!("{line} HTTP/1.1\r\nHost: hub.example.com\r\n{fields}{bob}{more}\r\n")
        };
        let body = question("");
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        for (framed, body) in [
            (format!("Content-Length: {}\r\n", body.len()), &body),
            (format!("content-length:{}\r\n", body.len()), &body),
            ("Transfer-Encoding: chunked\r\n".to_owned(), &chunk),
        ] {
            let last = question("Connection: close\r\n");
            let answers = answers(format!("{}{body}{last}", question(&framed))).await;
            assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{framed}{answers}");
        }
        for unclear in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Content-Length: -1\r\n",
        ] {
            let answers = answers(format!("{}{body}", question(unclear))).await;
            assert!(answers.starts_with("HTTP/1.1 400 "), "{unclear}{answers}");
            assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{unclear}{answers}");
        }
    }
}

#[tokio::test]
async fn a_question_with_more_fields_than_are_read_is_no_yes() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    for contract in ALL {
        let (line, fields) = contract.question("GET /acme/bert");
        // Host and the cookie are two more.
        let own = fields.matches("\r\n").count() + 2;
        for (count, status) in [(100, 200), (101, 431)] {
            let more = "X-More: x\r\n".repeat(count - own);
            let answer =
                tool::ask_on(world.gate.address, &line, &format!("{fields}{bob}{more}")).await;
            assert_eq!(answer.status, status, "{line} {count}");
        }
    }
}
