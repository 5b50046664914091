//! The SOPS file format, JSON flavour.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, KeyInit as _, OsRng, Payload, rand_core::RngCore as _};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Key, Nonce};
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::Secret;
use super::identity::Identity;

/// SOPS uses nonces of 32 bytes.
type Cipher = AesGcm<Aes256, U32>;

/// The version of the format that is written.
const VERSION: &str = "3.9.0";

#[derive(Debug, Serialize, Deserialize)]
struct File {
    #[serde(flatten)]
    values: BTreeMap<String, String>,
    sops: Metadata,
}

#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    age: Vec<Recipient>,
    lastmodified: String,
    mac: String,
    unencrypted_suffix: String,
    version: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Recipient {
    recipient: String,
    enc: String,
}

/// Encrypts secrets to an identity.
pub(super) fn encrypt(
    secrets: &BTreeMap<String, Secret>,
    identity: &Identity,
    now: Timestamp,
) -> Result<Vec<u8>, String> {
    let mut key = Zeroizing::new([0_u8; 32]);
    OsRng.fill_bytes(&mut *key);
    let values = secrets
        .iter()
        .map(|(name, secret)| {
            // SOPS does not encrypt empty values.
            let sealed = match secret.expose() {
                "" => String::new(),
                text => seal(&key, text, &format!("{name}:"))?,
            };
            Ok((name.clone(), sealed))
        })
        .collect::<Result<_, String>>()?;
    let lastmodified = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let file = File {
        values,
        sops: Metadata {
            age: vec![Recipient {
                recipient: identity.0.to_public().to_string(),
                enc: wrap(&key, identity)?,
            }],
            mac: seal(&key, &mac(secrets), &lastmodified)?,
            lastmodified,
            unencrypted_suffix: "_unencrypted".to_owned(),
            version: VERSION.to_owned(),
        },
    };
    let mut json = serde_json::to_vec_pretty(&file).map_err(|error| error.to_string())?;
    json.push(b'\n');
    Ok(json)
}

/// Decrypts what [`encrypt`] or `sops` wrote.
pub(super) fn decrypt(
    bytes: &[u8],
    identity: &Identity,
) -> Result<BTreeMap<String, Secret>, String> {
    let file: File = serde_json::from_slice(bytes)
        .map_err(|error| format!("this is no SOPS file of plain values: {error}"))?;
    let key = file
        .sops
        .age
        .iter()
        .find_map(|recipient| unwrap(&recipient.enc, identity).ok())
        .ok_or_else(|| {
            let who: Vec<&str> = file.sops.age.iter().map(|r| r.recipient.as_str()).collect();
            format!(
                "your age identity does not open it; it is for {}",
                who.join(", ")
            )
        })?;
    let secrets: BTreeMap<String, Secret> = file
        .values
        .iter()
        .map(|(name, sealed)| {
            let text = match sealed.as_str() {
                "" => String::new(),
                sealed => open(&key, sealed, &format!("{name}:"))
                    .map_err(|why| format!("the value of {name} {why}"))?,
            };
            Ok((name.clone(), Secret::new(text)))
        })
        .collect::<Result<_, String>>()?;
    let found = open(&key, &file.sops.mac, &file.sops.lastmodified)
        .map_err(|why| format!("the MAC {why}"))?;
    if found == mac(&secrets) {
        Ok(secrets)
    } else {
        Err("the MAC does not fit the values: the file was changed".to_owned())
    }
}

/// The MAC: SHA-512 over all values in the order of the file, in upper-case hexadecimal.
fn mac(secrets: &BTreeMap<String, Secret>) -> String {
    use std::fmt::Write as _;
    let mut hasher = Sha512::new();
    for secret in secrets.values() {
        hasher.update(secret.expose());
    }
    hasher
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02X}");
            text
        })
}

fn seal(key: &[u8; 32], text: &str, additional: &str) -> Result<String, String> {
    let mut nonce = [0_u8; 32];
    OsRng.fill_bytes(&mut nonce);
    let payload = Payload {
        msg: text.as_bytes(),
        aad: additional.as_bytes(),
    };
    let sealed = Cipher::new(Key::<Cipher>::from_slice(key))
        .encrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| "could not be encrypted".to_owned())?;
    let (data, tag) = sealed.split_at(sealed.len().saturating_sub(16));
    let [data, nonce, tag] = [data, &nonce[..], tag].map(|bytes| BASE64.encode(bytes));
    Ok(format!(
        "ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:str]"
    ))
}

fn open(key: &[u8; 32], sealed: &str, additional: &str) -> Result<String, String> {
    let no_form = || "is not encrypted as SOPS does it".to_owned();
    let fields: BTreeMap<&str, &str> = sealed
        .strip_prefix("ENC[AES256_GCM,")
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(no_form)?
        .split(',')
        .filter_map(|field| field.split_once(':'))
        .collect();
    let field = |name: &str| {
        let text = fields.get(name).ok_or_else(no_form)?;
        BASE64.decode(text).map_err(|_| no_form())
    };
    let (mut data, nonce, tag) = (field("data")?, field("iv")?, field("tag")?);
    if nonce.len() != 32 {
        return Err(no_form());
    }
    data.extend(tag);
    let payload = Payload {
        msg: &data,
        aad: additional.as_bytes(),
    };
    let text = Cipher::new(Key::<Cipher>::from_slice(key))
        .decrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| "was changed or belongs elsewhere".to_owned())?;
    String::from_utf8(text).map_err(|_| no_form())
}

/// The data key, encrypted to the identity.
fn wrap(key: &[u8; 32], identity: &Identity) -> Result<String, String> {
    let recipient = identity.0.to_public();
    let failed = |error: &dyn std::fmt::Display| format!("encrypting the data key: {error}");
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
        .map_err(|error| failed(&error))?;
    let mut armored = Vec::new();
    let output = ArmoredWriter::wrap_output(&mut armored, Format::AsciiArmor)
        .map_err(|error| failed(&error))?;
    let mut writer = encryptor
        .wrap_output(output)
        .map_err(|error| failed(&error))?;
    writer.write_all(key).map_err(|error| failed(&error))?;
    writer
        .finish()
        .and_then(ArmoredWriter::finish)
        .map_err(|error| failed(&error))?;
    String::from_utf8(armored).map_err(|error| failed(&error))
}

fn unwrap(armored: &str, identity: &Identity) -> Result<Zeroizing<[u8; 32]>, String> {
    let decryptor = age::Decryptor::new(ArmoredReader::new(armored.as_bytes()))
        .map_err(|error| error.to_string())?;
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity.0 as &dyn age::Identity))
        .map_err(|error| error.to_string())?;
    let mut key = Zeroizing::new([0_u8; 32]);
    reader
        .read_exact(&mut *key)
        .map_err(|error| error.to_string())?;
    Ok(key)
}
