//! The store's secrets as the drivers want them.

use std::collections::BTreeMap;

use driver::DriverError;
use drivers::kubeadm::pki::{SecretStore, SecretText};
use store::{Secret, Secrets, StoreError};

/// The secrets of a lab.
pub(crate) struct LabSecrets(pub(crate) Secrets);

fn failed(error: StoreError) -> DriverError {
    let hint = error.hint();
    let mut wrapped = DriverError::new("using the lab's secrets").caused_by(error);
    wrapped.hint = hint;
    wrapped
}

impl SecretStore for LabSecrets {
    fn load(&self, name: &str) -> Result<Option<BTreeMap<String, SecretText>>, DriverError> {
        let secrets = self.0.load(name).map_err(failed)?;
        Ok(secrets.map(|secrets| {
            secrets
                .into_iter()
                .map(|(name, secret)| (name, SecretText::new(secret.expose().to_owned())))
                .collect()
        }))
    }

    fn create(
        &self,
        name: &str,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<(), DriverError> {
        let secrets = secrets
            .iter()
            .map(|(name, text)| (name.clone(), Secret::new(text.to_string())))
            .collect();
        self.0
            .create(name, &secrets, jiff::Timestamp::now())
            .map_err(failed)
    }
}
