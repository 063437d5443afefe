package witness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Certificates returns an authority in PEM, a certificate of it for this host and for service.test, and one that has
// expired.
func Certificates() (authority string, good, expired tls.Certificate) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	issue := func(serial int64, until time.Time, parent *x509.Certificate, signer *ecdsa.PrivateKey) (
		*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
			NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			DNSNames: []string{"service.test"}, IsCA: parent == nil, BasicConstraintsValid: true}
		if parent == nil {
			parent, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
		must(err)
		parsed, err := x509.ParseCertificate(der)
		must(err)
		return parsed, key
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	root, rootKey := issue(1, tomorrow, nil, nil)
	pair := func(serial int64, until time.Time) tls.Certificate {
		c, key := issue(serial, until, root, rootKey)
		return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	}
	authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	return authority, pair(2, tomorrow), pair(3, time.Now().Add(-24*time.Hour))
}

// PEM returns a certificate of [Certificates] and its key in PEM.
func PEM(c tls.Certificate) (cert, key string) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		panic(err) // impossible: the key is one of ours
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
