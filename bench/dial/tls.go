package dial

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/loadgen-go/loadgen/quantile"
)

// Connections is the account of the connections of a target.
type Connections struct {
	Opened     uint64 `json:"opened"`     // connections opened, before the first call and in calls
	Failed     uint64 `json:"failed"`     // connections that could not be opened
	Reconnects uint64 `json:"reconnects"` // connections opened in calls, because one was lost
	Resent     uint64 `json:"resent"`     // requests sent again: the server saw as many more
	// DNS, Connect and TLS are how long the phases of opening a connection took: the lookup of the
	// host, the connection of TCP, and the handshake of TLS.
	DNS     *quantile.HDR `json:"dns"`
	Connect *quantile.HDR `json:"connect"`
	TLS     *quantile.HDR `json:"tls"`
}

// TLS says how to verify the server, and how to identify to it. Files are in PEM.
type TLS struct {
	CA         string `json:"ca,omitempty"`         // certificates to trust instead of the system's
	Cert       string `json:"cert,omitempty"`       // certificate of the client; needs Key
	Key        string `json:"key,omitempty"`        // its private key
	ServerName string `json:"serverName,omitempty"` // name to ask for and to verify; by default the host of the URL
	Insecure   bool   `json:"insecure,omitempty"`   // accepts any certificate
}

// Config returns the configuration of TLS for a host. It reads the files.
func (t *TLS) Config(host string) (*tls.Config, error) {
	if (t.Cert == "") != (t.Key == "") {
		return nil, fmt.Errorf("tls.cert is %q and tls.key is %q: want both, or neither", t.Cert, t.Key)
	}
	c := &tls.Config{ServerName: host, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("tls.ca is %s, which holds no certificate: want certificates in PEM",
				t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
