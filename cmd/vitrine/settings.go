package main

import (
	"strings"
	"time"

	"vitrine/registry/auth"
)

// config is everything that can be set.
type config struct {
	addr, root      string
	tlsCert, tlsKey string

	ephemeral, readOnly, delete, allowSparse, fsync bool

	logFormat, logLevel string
	logAccess           bool

	htpasswd      string
	anonymousPull bool
	externalURL   string
	trustProxy    bool
	rules         []auth.Rule
	wantsUsers    string // the variable that asks for users, whichever file they are in; "" if none does

	explore        bool
	exploreCache   int64 // bytes
	exploreForeign bool
	exploreRemote  string // off, configured, any
	remoteAllow    []allowed
	remoteCache    int64 // bytes
	remoteDir      string
	remoteLayer    int64  // bytes
	remoteLogin    string // none, keychain

	googleClient, googleSecretFile, googleRedirect string

	uploadAge, drain, stall time.Duration

	repositories []*repository // in the order of the file
	offline      bool

	from  map[string]string   // key -> what set it, such as "--addr" or "VITRINE_ADDR"; "default" where nothing did
	env   []string            // what keys that name a variable look into
	where func(at int) string // the place in the file that is being loaded; nil: none is
}

// setting is one thing that can be set: by a key in the configuration file, a flag, and the flag's environment twin.
type setting struct {
	key     string // path in the file, such as "tls.cert"
	flag    string // without the dashes; "" where a flag can't say it
	alias   string // what registry:2 calls the same thing in its environment
	restart bool   // a reload can't change it
	help    string
	value   func(*config) value
}

// settings is the one list of what can be set. Flags, variables, keys, "config print" and the help are made of it.
var settings = []setting{
	{"addr", "addr", "REGISTRY_HTTP_ADDR", true, "address to listen on, HOST:PORT; without a host on all of them, port 0 for any that is free",
		func(c *config) value { return text{&c.addr} }},
	{"root", "root", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", true, "folder that keeps everything; made if it is not there",
		func(c *config) value { return text{&c.root} }},
	{"ephemeral", "ephemeral", "", true, "keep everything in memory, and nothing after the end",
		func(c *config) value { return boolean{&c.ephemeral} }},
	{"fsync", "fsync", "", true, "on: what was answered 201 survives a power cut; off: it survives a crash of the process only, for throw-away stores",
		func(c *config) value { return boolean{&c.fsync} }},
	{"read_only", "read-only", "", false, "refuse whatever would change something",
		func(c *config) value { return boolean{&c.readOnly} }},
	{"delete", "delete", "REGISTRY_STORAGE_DELETE_ENABLED", false, "allow clients to delete tags, manifests and blobs",
		func(c *config) value { return boolean{&c.delete} }},
	{"allow_sparse", "allow-sparse", "", false, "take manifests whose layers or children are not there",
		func(c *config) value { return boolean{&c.allowSparse} }},
	{"repositories", "", "", false, "other registries, kept as they are pulled, repositories of files, and several repositories under one name: see Repositories below",
		func(c *config) value { return repositoryList{c: c} }},
	{"offline", "offline", "", false, "ask no other registry: what is kept of them is served, however old, and nothing else",
		func(c *config) value { return boolean{&c.offline} }},
	{"tls.cert", "tls-cert", "REGISTRY_HTTP_TLS_CERTIFICATE", false, "PEM file with the certificate and its chain; with --tls-key it turns HTTPS on; read again when it changes",
		func(c *config) value { return text{&c.tlsCert} }},
	{"tls.key", "tls-key", "REGISTRY_HTTP_TLS_KEY", false, "PEM file with the private key",
		func(c *config) value { return text{&c.tlsKey} }},
	{"auth.htpasswd", "htpasswd", "REGISTRY_AUTH_HTPASSWD_PATH", false, "file with the users and their passwords (\"vitrine passwd\" writes its lines); without one everybody may do everything; read again when it changes",
		func(c *config) value { return text{&c.htpasswd} }},
	{"auth.anonymous_pull", "anonymous-pull", "", false, "with --htpasswd: everybody may pull, users may push and delete",
		func(c *config) value { return boolean{&c.anonymousPull} }},
	{"auth.rules", "", "", false, "who may pull, push and delete where; the first rule whose pattern fits a repository decides",
		func(c *config) value { return ruleList{p: &c.rules} }},
	{"auth.external_url", "external-url", "REGISTRY_HTTP_HOST", true, "where clients find this registry, such as https://registry.example.com, if not at the Host that they ask for",
		func(c *config) value { return text{&c.externalURL} }},
	{"auth.trust_proxy", "trust-proxy", "", true, "believe the X-Forwarded-For and X-Forwarded-Proto of the proxy in front",
		func(c *config) value { return boolean{&c.trustProxy} }},
	{"log.access", "log", "", false, "one line to the log for each request",
		func(c *config) value { return boolean{&c.logAccess} }},
	{"log.format", "log-format", "REGISTRY_LOG_FORMATTER", true, "text or json",
		func(c *config) value { return choice{&c.logFormat, []string{"text", "json"}} }},
	{"log.level", "log-level", "REGISTRY_LOG_LEVEL", false, "debug, info, warn or error",
		func(c *config) value { return choice{&c.logLevel, []string{"debug", "info", "warn", "error"}} }},
	{"explore.enabled", "explore", "", true, "look into images, to show what is in them; off: layers are kept and served, and nothing reads them",
		func(c *config) value { return boolean{&c.explore} }},
	{"explore.cache", "explore-cache", "", true, "how much room the indexes of layers may take below the root, with --ephemeral in memory; a thirtieth of what the layers take is plenty, and those not used for longest are dropped and made again when somebody looks",
		func(c *config) value { return size{&c.exploreCache} }},
	{"explore.foreign", "explore-foreign", "", false, "fetch layers that a manifest names by a URL elsewhere, when somebody looks at them: from public addresses, up to 2 GiB each, verified",
		func(c *config) value { return boolean{&c.exploreForeign} }},
	{"explore.remote", "explore-remote", "", false, "which other registries the explorer shows: off: none, of those that are configured what is kept; configured: those; any: every public one besides, whose images are looked at where they are, anonymously",
		func(c *config) value { return choice{&c.exploreRemote, []string{"off", "configured", "any"}} }},
	{"explore.remote_allow", "explore-remote-allow", "", false, "with any: hosts that may be asked though they are not public, HOST (ports 80, 443, 5000), HOST:PORT, or http://HOST:PORT, which is asked without TLS",
		func(c *config) value { return allowList{&c.remoteAllow} }},
	{"explore.remote_layer", "explore-remote-layer", "", false, "with any: the largest layer that is read to be looked into",
		func(c *config) value { return size{&c.remoteLayer} }},
	{"explore.remote_cache", "explore-remote-cache", "", true, "with any: how much room the indexes of others' layers may take",
		func(c *config) value { return size{&c.remoteCache} }},
	{"explore.remote_dir", "explore-remote-dir", "", true, "with any: where they are kept; cache/elsewhere below the root if this is empty, in memory with --ephemeral",
		func(c *config) value { return text{&c.remoteDir} }},
	{"explore.remote_login", "explore-remote-login", "", true, "with any: none: as nobody; keychain: with the logins that \"docker login\" has left for whoever runs this, for him alone: visitors see what he may",
		func(c *config) value { return choice{&c.remoteLogin, []string{"none", "keychain"}} }},
	{"explore.google_client", "explore-google-client", "", true, "with any: the ID of an OAuth client of Google's: visitors may sign in there, to look at images at gcr.io and pkg.dev that they may see",
		func(c *config) value { return text{&c.googleClient} }},
	{"explore.google_secret_file", "explore-google-secret-file", "", true, "file that holds the secret of that client; without it CLIENT_SECRET in the environment does",
		func(c *config) value { return text{&c.googleSecretFile} }},
	{"explore.google_redirect", "explore-google-redirect", "", true, "where Google sends visitors back to, as it is registered there: https://HOST/oauth or https://HOST/auth/callback",
		func(c *config) value { return text{&c.googleRedirect} }},
	{"uploads.expire", "upload-age", "", false, "how long an upload that nobody goes on with is kept",
		func(c *config) value { return duration{&c.uploadAge} }},
	{"timeouts.stall", "stall-timeout", "", false, "how long an upload may send nothing before it is cut",
		func(c *config) value { return duration{&c.stall} }},
	{"timeouts.drain", "drain-timeout", "REGISTRY_HTTP_DRAINTIMEOUT", false, "how long running transfers may go on after the signal to stop",
		func(c *config) value { return duration{&c.drain} }},
}

func defaults() *config {
	c := &config{
		addr: ":5000", root: "./vitrine-data",
		delete: true, fsync: true,
		logAccess: true, logFormat: "text", logLevel: "info",
		explore: true, exploreCache: 1 << 30,
		exploreRemote: "configured", remoteCache: 256 << 20, remoteLayer: 2 << 30, remoteLogin: "none",
		uploadAge: 24 * time.Hour, stall: time.Minute, drain: 30 * time.Second,
		from: make(map[string]string, len(settings)),
	}
	for _, s := range settings {
		c.from[s.key] = "default"
	}
	return c
}

// env is the name of the variable that is the flag's twin.
func (s *setting) env() string {
	return envName(s.flag)
}

func envName(flag string) string {
	return "VITRINE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// configFile is the flag that no key of the file can stand for.
const configFile = "config"

// source names what set a value, for an error: " (from VITRINE_TLS_KEY)".
func (c *config) source(key string) string {
	return key + " (from " + c.from[key] + ")"
}
