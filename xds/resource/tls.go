package resource

import (
	"path/filepath"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// edgeSecretName is the SDS name of the listener's certificate.
const edgeSecretName = "dragoman-edge-tls" //nolint:gosec // a name, no secret

// systemRoots is where Debian and most images keep the public roots.
const systemRoots = "/etc/ssl/certs/ca-certificates.crt"

func (b *builder) downstreamTLS(t *catalog.TLS) *corev3.TransportSocket {
	common := &tlsv3.CommonTlsContext{
		TlsParams:     &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
		AlpnProtocols: []string{"h2", "http/1.1"},
	}
	if b.o.Static {
		common.TlsCertificates = []*tlsv3.TlsCertificate{certificate(t)}
	} else {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{{Name: edgeSecretName, SdsConfig: adsSource()}}
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.DownstreamTlsContext{CommonTlsContext: common})},
	}
}

// edgeSecret names files, never their contents; Envoy re-reads the pair when
// their folder changes, which only secrets that come by SDS do.
func edgeSecret(t *catalog.TLS) *tlsv3.Secret {
	return &tlsv3.Secret{Name: edgeSecretName, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: certificate(t)}}
}

func certificate(t *catalog.TLS) *tlsv3.TlsCertificate {
	file := func(name string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: name}}
	}
	return &tlsv3.TlsCertificate{
		CertificateChain: file(t.CertFile),
		PrivateKey:       file(t.KeyFile),
		WatchedDirectory: &corev3.WatchedDirectory{Path: filepath.Dir(t.CertFile)},
	}
}

// upstreamTLS verifies the provider's name, not just that somebody has a
// certificate: SNI and a subject alternative name both must be the host.
func (b *builder) upstreamTLS(p *catalog.Provider) *corev3.TransportSocket {
	roots := systemRoots
	if p.CAFile != "" {
		roots = p.CAFile
	}
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.UpstreamTlsContext{
			Sni: p.BaseURL.Host,
			CommonTlsContext: &tlsv3.CommonTlsContext{
				TlsParams:     &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
				AlpnProtocols: []string{"h2", "http/1.1"},
				ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
					TrustedCa: &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: roots}},
					MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{{
						SanType: sanType(p.BaseURL.Host),
						Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: p.BaseURL.Host}},
					}},
				}},
			},
			MaxSessionKeys: wrapperspb.UInt32(4),
		})},
	}
}
