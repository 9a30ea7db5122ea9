//! What deletes asks first.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use clap::Args;

use super::Failure;

#[derive(Args)]
pub(crate) struct Confirmation {
    /// Do it without asking
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Confirmation {
    /// Whether it need not be asked.
    pub(super) fn is_given(&self) -> bool {
        self.yes
    }

    /// `what` as in "delete hook h". Nothing has been changed yet.
    pub(super) fn ask(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(Failure::Usage(format!("{what}? This cannot be undone: confirm it with --yes")));
        }
        write!(anstream::stderr().lock(), "{what}? This cannot be undone. [y/N] ")?;
        match is_yes(&mut stdin.lock())? {
            true => Ok(()),
            false => Err(Failure::Shown("nothing was deleted".to_owned())),
        }
    }
}

fn is_yes(input: &mut impl BufRead) -> io::Result<bool> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (typed, expected) in
            [("y\n", true), ("Yes\n", true), ("\n", false), ("", false), ("n\n", false), ("yep\n", false)]
        {
            assert_eq!(is_yes(&mut typed.as_bytes()).unwrap(), expected, "{typed:?}");
        }
    }
}
