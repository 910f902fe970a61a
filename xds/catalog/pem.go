package catalog

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// certificates looks at a chain or a bundle as Envoy's TLS library does: one
// garbled certificate spoils the file. It says what is wrong and what would be
// right.
func certificates(text []byte) (wrong, right string) {
	const kind = "CERTIFICATE"
	begun := bytes.Count(text, []byte("-----BEGIN "+kind+"-----"))
	if begun == 0 {
		return "holds no certificate", "a certificate begins with -----BEGIN " + kind + "-----; one in DER becomes PEM by openssl x509 -inform der"
	}
	const again = "export it again, whole"
	read := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			continue
		}
		read++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("holds a certificate, number %d, that cannot be read: %s", read, strings.TrimPrefix(err.Error(), "x509: ")), again
		}
	}
	if read < begun {
		return fmt.Sprintf("holds %d of %d certificates that are not whole", begun-read, begun), again
	}
	return "", ""
}

// privateKey looks for a key that needs no passphrase. What it says holds nothing
// of the file.
func privateKey(text []byte) (wrong, right string) {
	const form = "a key begins with -----BEGIN PRIVATE KEY-----"
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return "holds a key that needs a passphrase", "take it off with openssl pkey, and keep the file from others"
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		case !parsed(block.Bytes):
			return "holds a key that cannot be read", form + ", and an RSA or ECDSA key is in it"
		default:
			return "", ""
		}
	}
	return "holds no private key", form
}

// parsed tells whether a key is in one of the forms that files have: PKCS #8, and
// PKCS #1 and SEC 1 before it.
func parsed(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}
