//! Secrets: the configuration says where they stand, in the environment or in files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kicc_proto::{
    values::Secret,
    wire::token_key::{Aes256Cbc, Output},
};
use serde::Deserialize;

use super::{ConfigError, plain};

#[derive(Deserialize)]
pub(super) struct Secrets {
    secret_key: Option<Source>,
    token_key: Option<TokenKeySection>,
    imp_key: Option<Source>,
    imp_secret: Option<Source>,
}

/// Where a secret stands.
#[derive(Deserialize)]
pub(super) struct Source {
    env: Option<String>,
    file: Option<PathBuf>,
}

/// Where key and IV of the token key's cipher stand.
#[derive(Deserialize)]
pub(super) struct TokenKeySection {
    env: Option<String>,
    file: Option<PathBuf>,
    iv_env: Option<String>,
    iv_file: Option<PathBuf>,
    output: Option<OutputName>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum OutputName {
    Hex,
    Base64,
}

impl Secrets {
    /// The key that signs; files are named from `folder`.
    pub fn secret_key(&self, folder: &Path) -> Result<Secret, ConfigError> {
        of("secret_key", self.secret_key.as_ref(), folder)
    }

    /// i'mport's key and secret, in this order.
    pub fn imp_keys(&self, folder: &Path) -> Result<[Secret; 2], ConfigError> {
        Ok([
            of("imp_key", self.imp_key.as_ref(), folder)?,
            of("imp_secret", self.imp_secret.as_ref(), folder)?,
        ])
    }

    /// The token key's cipher, where there is one.
    pub fn cipher(&self, folder: &Path) -> Result<Option<Aes256Cbc>, ConfigError> {
        let Some(section) = &self.token_key else { return Ok(None) };
        let key = secret("token_key", section.env.as_deref(), section.file.as_deref(), folder)?;
        let iv = secret("token_key's iv", section.iv_env.as_deref(), section.iv_file.as_deref(), folder)?;
        let output = match section.output.unwrap_or(OutputName::Hex) {
            OutputName::Hex => Output::Hex,
            OutputName::Base64 => Output::Base64,
        };
        let cipher = Aes256Cbc::new(&raw(key, 32), &raw(iv, 16), output);
        cipher.map(Some).map_err(|invalid| {
            ConfigError(format!("[secrets] {} (as it is, or as hexadecimal digits)", plain(invalid)))
        })
    }
}

fn of(name: &str, source: Option<&Source>, folder: &Path) -> Result<Secret, ConfigError> {
    let source = source.ok_or_else(|| ConfigError(format!("[secrets] {name} is missing")))?;
    secret(name, source.env.as_deref(), source.file.as_deref(), folder)
}

/// Of a file, without the line end that editors put there.
fn secret(name: &str, env: Option<&str>, file: Option<&Path>, folder: &Path) -> Result<Secret, ConfigError> {
    let failed = |why: String| ConfigError(format!("[secrets] {name}: {why}"));
    let mut text = match (env, file) {
        (Some(env), None) => std::env::var(env).map_err(|error| {
            failed(match error {
                std::env::VarError::NotPresent => {
                    format!(
                        "the environment variable {env} is not set (leave the line out if nothing sold needs it)"
                    )
                }
                std::env::VarError::NotUnicode(_) => {
                    format!("the environment variable {env} is not UTF-8")
                }
            })
        })?,
        (None, Some(file)) => {
            let path = folder.join(file);
            fs::read_to_string(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?
        }
        _ => return Err(failed("name exactly one of an environment variable and a file".into())),
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    let secret = Secret::from(text);
    if secret.expose().is_empty() { Err(failed("is empty".into())) } else { Ok(secret) }
}

/// Key or IV as hexadecimal digits, or as it is.
fn raw(secret: Secret, bytes: usize) -> Secret {
    let digits = secret.expose();
    if digits.len() != 2 * bytes || !digits.iter().all(u8::is_ascii_hexdigit) {
        return secret;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_default() as u8;
    Secret::from(digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_written_in_hexadecimal() {
        let hex = Secret::from_utf8("000102030405060708090a0B0C0D0E0F");
        assert_eq!(raw(hex, 16).expose(), (0..16).collect::<Vec<u8>>());
        let text = Secret::from_utf8("0123456789012345");
        assert_eq!(raw(text.clone(), 16), text);
    }
}
