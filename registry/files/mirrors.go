package files

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"path"
	"strings"

	"vitrine/storage"
)

// isMirrorList reports whether p is a list of the mirrors of a repository of RPMs. It is answered here: upstream's would send clients past us.
func (r *Repository) isMirrorList(p string) bool {
	base := path.Base(p)
	return r.Package == RPM && (strings.HasPrefix(base, "mirrorlist") || strings.HasPrefix(base, "metalink"))
}

// getMirrors names us as the only mirror of the directory that the list is in.
func (h *handler) getMirrors(w http.ResponseWriter, r *http.Request, rt route) error {
	if err := readable(r, rt.repo); err != nil { // a list of mirrors reads no file that would be refused
		return err
	}
	dir := up(rt.path)
	url := h.base(r) + "/files/" + string(rt.repo.Name) + "/"
	if dir != "" {
		url += escape(dir) + "/"
	}
	w.Header()["Cache-Control"] = []string{"no-cache"}
	if strings.HasPrefix(path.Base(rt.path), "mirrorlist") {
		w.Header()["Content-Type"] = []string{"text/plain; charset=utf-8"}
		return send(w, []byte(url+"\n"))
	}
	ctx, told := listen(r)
	f, err := rt.repo.Reader.StatFile(ctx, rt.repo.Name, join(dir, repomd))
	if err == nil && f.Digest == "" {
		f, err = fetchWhole(r, route{repo: rt.repo, path: join(dir, repomd)})
	}
	if err != nil {
		return err
	}
	told.write(w.Header(), r, rt, f)
	w.Header()["Content-Type"] = []string{"application/metalink+xml"}
	return send(w, metalink(f, url+repomd))
}

// metalink is what dnf compares a repomd.xml with (Metalink 3.0, as MirrorManager writes it).
func metalink(f storage.File, url string) []byte {
	var at bytes.Buffer
	xml.EscapeText(&at, []byte(url)) // a buffer takes all
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>%d</mm0:timestamp>
   <size>%d</size>
   <verification><hash type="sha256">%s</hash></verification>
   <resources maxconnections="1"><url protocol="%s" type="%[4]s" preference="100">%s</url></resources>
  </file>
 </files>
</metalink>
`, f.Modified.Unix(), f.Size, f.Digest.Encoded(), strings.SplitN(url, ":", 2)[0], at.Bytes())
}

// base is where the client reached us.
func (h *handler) base(r *http.Request) string {
	switch {
	case h.ExternalURL != "":
		return strings.TrimRight(h.ExternalURL, "/")
	case r.TLS != nil:
		return "https://" + host(r)
	}
	return "http://" + host(r)
}

// host is the Host of r, if it is one: what is none is not repeated to anybody.
func host(r *http.Request) string {
	if strings.Trim(r.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != "" {
		return "localhost"
	}
	return r.Host
}
