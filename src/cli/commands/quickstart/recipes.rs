//! Lines to copy: how other programs use the token that the quickstart made. Their configuration files are written too.

use super::place::Place;
use super::tour::{LABEL, Tour};
use crate::cli::failure::Result;
use crate::cli::uri::Uri;
use serde::Serialize;
use std::path::Path;

/// A program, and the lines that make it use the token.
#[derive(Serialize)]
pub(crate) struct Recipe {
    pub(super) tool: &'static str,
    pub(super) lines: String,
}

/// Writes the configuration files into the directory and says how to use them.
pub(super) fn write(module: &Path, place: &Place, tour: &Tour) -> Result<Vec<Recipe>> {
    let file = |name: &str| place.directory.join(name);
    let shown = module.display();
    let (java, provider, kit) = (file("java.cfg"), file("openssl-provider.cnf"), file("strongroom.module"));
    place.write_private(&java, format!("name = Strongroom\nlibrary = {shown}\nslot = {}\n", tour.slot))?;
    place.write_private(&provider, format!("{PROVIDER}pkcs11-module-path = {shown}\n"))?;
    place.write_private(&kit, format!("module: {shown}\n"))?;

    let (module, pin, message) = (quoted(module), quoted(&place.pin()), quoted(&place.message()));
    let (java, provider, kit) = (quoted(&java), quoted(&provider), quoted(&kit));
    let key = Uri::default().with("token", LABEL).with("object", "demo-ec").with("type", "private");
    let key = key.with_query("pin-source", format!("file:{}", place.pin().display()));
    let key = quoted(Path::new(&key.to_string()));
    let recipe = |tool, lines: String| Recipe { tool, lines };
    Ok(vec![
        recipe(
            "pkcs11-tool",
            format!(
                "PIN=$(cat {pin}) pkcs11-tool --module {module} --token-label {LABEL} --login --pin env:PIN --list-objects\n\
                 PIN=$(cat {pin}) pkcs11-tool --module {module} --token-label {LABEL} --login --pin env:PIN --id 01 \
                 --sign --mechanism ECDSA-SHA256 --signature-format openssl -i {message} -o message.sig"
            ),
        ),
        recipe(
            "OpenSSL, with the engine of libp11",
            format!(
                "PKCS11_MODULE_PATH={module} openssl dgst -sha256 -engine pkcs11 -keyform engine \
                 -sign {key} -out message.sig {message}"
            ),
        ),
        recipe(
            "OpenSSL 3, with pkcs11-provider",
            format!(
                "OPENSSL_CONF={provider} openssl pkeyutl -sign -rawin -digest sha256 -inkey {key} -in {message} -out message.sig"
            ),
        ),
        recipe(
            "Java, with SunPKCS11",
            format!(
                "keytool -genkeypair -alias java -keyalg EC -groupname secp256r1 -dname CN=demo {JAVA} -providerArg {java} -storepass:file {pin}\n\
                 keytool -list {JAVA} -providerArg {java} -storepass:file {pin}"
            ),
        ),
        recipe(
            "Go, with crypto11",
            format!(
                "pin, _ := os.ReadFile({pin:?})\n\
                 hsm, err := crypto11.Configure(&crypto11.Config{{Path: {module:?}, TokenLabel: {LABEL:?}, \
                 Pin: strings.TrimSpace(string(pin))}})\n\
                 key, err := hsm.FindKeyPair([]byte{{0x01}}, nil) // a crypto.Signer"
            ),
        ),
        recipe("SSH", format!("ssh-keygen -D {module}\nssh -o PKCS11Provider={module} user@host")),
        recipe(
            "p11-kit: every program that uses it sees the token",
            format!(
                "install -D -m 644 {kit} ~/.config/pkcs11/modules/strongroom.module  \
                 # root: /etc/pkcs11/modules\np11-kit list-modules"
            ),
        ),
    ])
}

/// A path as a word of the shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%".contains(letter);
    match text.chars().all(plain) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

const JAVA: &str = "-keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11";

const PROVIDER: &str = "openssl_conf = start\n\
    [start]\nproviders = providers\n\
    [providers]\ndefault = default\npkcs11 = pkcs11\n\
    [default]\nactivate = 1\n\
    [pkcs11]\nactivate = 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell_are_quoted_where_they_must_be() {
        assert_eq!(quoted(Path::new("/tmp/a-b.c")), "/tmp/a-b.c");
        assert_eq!(quoted(Path::new("/tmp/it's here")), "'/tmp/it'\\''s here'");
    }
}
