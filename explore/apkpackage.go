package explore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"vitrine/explore/apk"
	"vitrine/explore/inspect"
)

// apkPackageView is the JSON of a package.
type apkPackageView struct {
	File       string      `json:"file"` // what it is called in a repository
	Size       int64       `json:"size"`
	Checksum   string      `json:"checksum"` // C: of an index
	DataHash   string      `json:"dataHash"`
	Signatures []apkSigned `json:"signatures,omitempty"`
	Members    []apkMember `json:"members"`
	Info       *docView    `json:"info"`
	Index      *apkChecked `json:"index,omitempty"` // what the index beside it says of the package
	Data       *apkChecked `json:"data,omitempty"`  // whether the data is what .PKGINFO says, where ?verify wants to know
	Verify     string      `json:"-"`               // URL that does
}

// apkMember is a gzip member.
type apkMember struct {
	What   string `json:"what"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Href   string `json:"-"`
}

// apkChecked is what came out of a comparison.
type apkChecked struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"`
	Href string `json:"-"`
}

// apkPackage shows a package: its parts, what it says of itself, and whether the index beside it means this one.
func (h *handler) apkPackage(w http.ResponseWriter, r *request, f *apkFile, p *apk.Package) error {
	v := &apkPackageView{File: shown(p.Info.FileName()), Size: p.Size, Checksum: p.Checksum.String(), DataHash: hex.EncodeToString(p.Info.DataHash[:]),
		Signatures: apkSignatures(p.Signatures), Verify: withQuery(f.self, "verify", "1")}
	if p.Control.Offset > 0 {
		v.Members = append(v.Members, apkMember{"signatures", 0, p.Control.Offset, ""})
	}
	v.Members = append(v.Members, apkMember{"control", p.Control.Offset, p.Control.Size, f.member(".PKGINFO")}, apkMember{"data", p.Data.Offset, p.Data.Size, f.files})
	index := f.beside(indexName)
	if err := h.apkInfo(r, v, index, p); err != nil {
		return err
	}
	done, err := h.turn(r.Context())
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), turnTime)
	defer cancel()
	if index != "" {
		v.Index, err = f.checkIndex(ctx, p)
	}
	if err == nil && r.query.Has("verify") {
		v.Verify = ""
		v.Data, err = checkData(ctx, p)
	}
	if err != nil {
		return err
	}
	if v.Index != nil {
		v.Index.Href = withQuery(index, "package", p.Info.Name, "short", "false", "full", "true")
	}
	page := &page{name: "apkpackage", Title: v.File, Crumbs: f.crumbs, View: v, forever: !f.changes, Command: append(f.print[:len(f.print):len(f.print)], piece{Text: " | tar -xzO .PKGINFO"})}
	page.text = func() []byte { return []byte(p.Info.Raw) }
	page.Tabs = []tab{{"package", f.self, true}, {"file", f.bytes, false}}
	if f.files != "" {
		page.Tabs = append(page.Tabs, tab{"files", f.files, false})
	}
	if v.Index != nil {
		page.Tabs = append(page.Tabs, tab{"index", index, false})
	}
	return h.show(w, r, page)
}

// apkInfo is .PKGINFO with links: into the index beside the package, where there is one.
func (h *handler) apkInfo(r *request, v *apkPackageView, index string, p *apk.Package) error {
	raw := []byte(p.Info.Raw)
	d, err := inspect.Inspect(r.Context(), ".PKGINFO", bytes.NewReader(raw), int64(len(raw)))
	if d == nil {
		return errors.Join(err, apk.ErrFormat)
	}
	d.Title = ""
	v.Info = h.docView(r, jsonContext{index: index}, d)
	return nil
}

// checkIndex compares a package with what the index beside it says of a file of that name.
func (f *apkFile) checkIndex(ctx context.Context, p *apk.Package) (*apkChecked, error) {
	beside, err := f.open(indexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.report(err)
	}
	defer beside.close()
	x, err := apk.OpenIndex(beside.content, beside.size)
	if err != nil {
		return &apkChecked{Text: "The index beside it cannot be read"}, nil
	}
	for r, err := range x.Records(ctx) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return &apkChecked{Text: "The index beside it is damaged"}, nil
		case r.FileName() != f.name:
			continue
		case r.Checksum != p.Checksum:
			return &apkChecked{Text: fmt.Sprintf("The index beside it means another one, with the checksum %s", r.Checksum)}, nil
		case r.Size != p.Size:
			return &apkChecked{Text: fmt.Sprintf("The index beside it means another one, of %s", exact(r.Size))}, nil
		}
		return &apkChecked{OK: true, Text: "The index beside it means this one: checksum and size are the same"}, nil
	}
	return &apkChecked{Text: "The index beside it knows no file of this name"}, nil
}

// checkData reads the data.
func checkData(ctx context.Context, p *apk.Package) (*apkChecked, error) {
	err := p.VerifyData(ctx)
	switch {
	case errors.Is(err, apk.ErrMismatch):
		return &apkChecked{Text: "The data is not what .PKGINFO describes: its SHA-256 is another"}, nil
	case err != nil:
		return nil, err
	}
	return &apkChecked{OK: true, Text: "The data has the SHA-256 that .PKGINFO says"}, nil
}
