//! The few questions of `steading init`.

use std::io::{BufRead, Write};

use anyhow::bail;
use import::probed::{MOST_WORKERS, Wanted};

/// After so many answers that are none it is given up.
const MOST_TRIES: usize = 3;

/// What is not known from the command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Questions {
    pub(super) name: bool,
    pub(super) workers: bool,
    pub(super) app: bool,
}

impl Questions {
    /// Asks, and takes over the answers. An empty one leaves things as they are.
    pub(super) fn ask(
        self,
        wanted: &mut Wanted,
        input: &mut impl BufRead,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        if self.name {
            let question = format!("The lab's name [{}]: ", wanted.name);
            let name = one(&question, input, out, |text| {
                text.parse()
                    .map_err(|error: model::name::InvalidName| error.to_string())
            })?;
            wanted.name = name.unwrap_or_else(|| wanted.name.clone());
        }
        if self.workers {
            let question = "How many workers, beside the control plane [2, or as many as fit]: ";
            let workers = one(question, input, out, |text| {
                let number = text.parse().ok().filter(|number| *number <= MOST_WORKERS);
                number.ok_or_else(|| format!("write a number from 0 to {MOST_WORKERS}"))
            })?;
            wanted.workers = workers.or(wanted.workers);
        }
        if self.app {
            let app = one(
                "A first app that answers, podinfo [Y/n]: ",
                input,
                out,
                |text| match text.to_ascii_lowercase().as_str() {
                    "y" | "yes" => Ok(true),
                    "n" | "no" => Ok(false),
                    _ => Err("write y or n".to_owned()),
                },
            )?;
            wanted.app = app.unwrap_or(wanted.app);
        }
        Ok(())
    }
}

/// One question; `None`: the answer is empty.
fn one<T>(
    question: &str,
    input: &mut impl BufRead,
    out: &mut impl Write,
    parse: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Option<T>> {
    for _ in 0..MOST_TRIES {
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            bail!("nobody answers any more; nothing is written");
        }
        match line.trim() {
            "" => return Ok(None),
            text => match parse(text) {
                Ok(answer) => return Ok(Some(answer)),
                Err(wrong) => writeln!(out, "{wrong}")?,
            },
        }
    }
    bail!("{MOST_TRIES} answers were none; nothing is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(questions: Questions, input: &str) -> anyhow::Result<(Wanted, String)> {
        let mut wanted = Wanted {
            name: "home".parse().unwrap(),
            control_planes: None,
            workers: None,
            cpu: None,
            memory: None,
            kubernetes: "1.36.3".to_owned(),
            app: true,
        };
        let mut out = Vec::new();
        questions.ask(&mut wanted, &mut input.as_bytes(), &mut out)?;
        Ok((wanted, String::from_utf8(out).unwrap()))
    }

    const ALL: Questions = Questions {
        name: true,
        workers: true,
        app: true,
    };

    #[test]
    fn empty_answers_leave_things_as_they_are() {
        let (wanted, out) = asked(ALL, "\n\n\n").unwrap();
        assert_eq!(
            (wanted.name.as_str(), wanted.workers, wanted.app),
            ("home", None, true)
        );
        assert_eq!(out.matches(": ").count(), 3, "{out}");
    }

    #[test]
    fn answers_count_and_wrong_ones_are_asked_again() {
        let (wanted, out) = asked(ALL, "My Lab\nattic\nmany\n201\n4\nN\n").unwrap();
        assert_eq!(
            (wanted.name.as_str(), wanted.workers, wanted.app),
            ("attic", Some(4), false)
        );
        assert!(out.contains("from 0 to 200"), "{out}");
        assert!(asked(ALL, "A\nB\nC\n").is_err());
        assert!(asked(ALL, "attic\n").is_err());
    }

    #[test]
    fn what_is_known_is_not_asked() {
        let none = Questions {
            name: false,
            workers: false,
            app: false,
        };
        assert_eq!(asked(none, "").unwrap().1, "");
    }
}
