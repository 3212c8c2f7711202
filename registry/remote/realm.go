package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"vitrine/storage"
)

// parseRealm reads the URL of a token service. It must be https, unless the registry itself is plain http.
func (t *tokens) parseRealm(realm string) (*url.URL, error) {
	u, err := url.Parse(realm)
	switch {
	case realm == "":
		return nil, t.error("its challenge names no realm")
	case err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "":
		return nil, t.error(fmt.Sprintf("its challenge names a realm that is no URL: %.128q", realm))
	case u.Scheme != "https" && !(u.Scheme == "http" && t.base.Scheme == "http"):
		return nil, t.error(fmt.Sprintf("its challenge names a realm that is not https: %.128q", realm))
	}
	u.Fragment = ""
	return u, nil
}

func (t *tokens) error(text string) error {
	return &storage.UpstreamError{Host: t.base.Host, Status: 401, Err: final{fmt.Errorf("%w: %s", storage.ErrUpstream, text)}}
}

// trusts reports whether credentials of the registry may be sent to realm. A challenge comes from whoever answers for the registry, so what it names
// must be the same host, of the same owner by its name, or one that the configuration names.
func (t *tokens) trusts(realm *url.URL) bool {
	if namesHost(t.trusted, realm) || strings.EqualFold(realm.Hostname(), t.base.Hostname()) {
		return true
	}
	own := registrable(t.base.Hostname())
	return own != "" && own == registrable(realm.Hostname())
}

// shared are domains under which strangers have names beside each other. The public suffix list has thousands of these; whoever has a registry
// under another one has its realm on the same host, or names it.
var shared = strings.Fields(`
	amazonaws.com amazonaws.com.cn awsapprunner.com elasticbeanstalk.com on.aws
	azure.com azure.net azurecr.io azurecr.us azurecr.cn azurewebsites.net azurefd.net azureedge.net cloudapp.net windows.net
	appspot.com cloudfunctions.net googleapis.com googleusercontent.com pkg.dev run.app web.app firebaseapp.com
	cloudfront.net fastly.net fastlylb.net akamaized.net edgekey.net b-cdn.net r2.dev workers.dev pages.dev
	github.io githubusercontent.com github.dev githubpreview.dev gitlab.io bitbucket.io codeberg.page readthedocs.io
	herokuapp.com vercel.app now.sh netlify.app onrender.com fly.dev railway.app render.com surge.sh glitch.me repl.co replit.app
	digitaloceanspaces.com ondigitalocean.app linodeobjects.com vultrobjects.com scw.cloud ovh.net hosting.ovh.net
	ngrok.io ngrok.app ngrok.dev ngrok-free.app ngrok-free.dev trycloudflare.com loca.lt localtunnel.me serveo.net
	duckdns.org dyndns.org no-ip.org ddns.net hopto.org nip.io sslip.io xip.io traefik.me localtest.me
	aliyuncs.com myqcloud.com myhuaweicloud.com tencentcr.com ibm.com oraclecloud.com ocir.io cloud.com
	blogspot.com wordpress.com eu.org us.com uk.com eu.com de.com co.com`)

// registrable guesses the part of a host name that somebody has registered: the last two labels, or three where the second last is one of the short
// ones of a country, as in co.uk. It returns "" where the name says nothing about whose it is: addresses, single labels, shared domains.
func registrable(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil || looksNumeric(host) {
		return ""
	}
	for _, s := range shared {
		if host == s || strings.HasSuffix(host, "."+s) {
			return ""
		}
	}
	labels := strings.Split(host, ".")
	n := len(labels)
	want := 2
	if n >= 2 && len(labels[n-1]) == 2 && len(labels[n-2]) <= 3 {
		want = 3
	}
	if n < want {
		return ""
	}
	return strings.Join(labels[n-want:], ".")
}
