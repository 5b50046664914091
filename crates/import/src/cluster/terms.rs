//! How long a cluster's certificates last, as kubeadm's configuration tells it.

use std::time::Duration;

use model::duration::Period;
use model::lab::Certificates;

use crate::ImportError;
use crate::fields::Fields;

/// What is said of certificates, if it is not what kubeadm does anyway. When they are renewed is not
/// kubeadm's to know.
pub(super) fn told(fields: &mut Fields) -> Result<Option<Certificates>, ImportError> {
    let mut period = |field: &str| -> Result<Option<Period>, ImportError> {
        Ok(fields.text(field)?.and_then(|text| go_duration(&text)))
    };
    let usual = Certificates::default();
    let leaves = period("certificateValidityPeriod")?;
    let authority = period("caCertificateValidityPeriod")?;
    let told = Certificates {
        leaves: leaves.filter(|period| period.0 != usual.leaves_last()),
        authority: authority.filter(|period| period.0 != usual.authority_lasts()),
        ..usual
    };
    Ok(Some(told).filter(|told| !told.is_silent()))
}

/// A length of time as Go writes it: `8760h0m0s`.
fn go_duration(text: &str) -> Option<Period> {
    let mut seconds = 0_u64;
    for part in text.split_inclusive(|c: char| c.is_ascii_alphabetic()) {
        let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let unit = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(unit)?;
        seconds = seconds.checked_add(part)?;
    }
    (seconds > 0).then(|| Period(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_not_usual_is_told() {
        let told = |leaves: &str| {
            let usual = "87600h0m0s";
            let value = json!({
                "certificateValidityPeriod": leaves, "caCertificateValidityPeriod": usual
            });
            let mut fields = Fields::of("", value).unwrap();
            let told = told(&mut fields).unwrap();
            told.map(|one| (one.leaves.map(|period| period.to_string()), one.authority))
        };
        assert_eq!(told("8760h0m0s"), None);
        assert_eq!(told("2160h0m0s"), Some((Some("90d".to_owned()), None)));
        assert_eq!(told("5400s"), Some((Some("90m".to_owned()), None)));
        for odd in ["soon", "1.5h", "10", "-3h", "µs", "99999999999999999999h"] {
            assert_eq!(told(odd), None, "{odd}");
        }
    }
}
