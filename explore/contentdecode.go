package explore

import (
	"context"
	"errors"
	"fmt"

	"vitrine/explore/inspect"
)

// words are what can be said about a document.
func (v *contents) words(raw []byte, root *inspect.Node) (d *inspect.Doc) {
	switch {
	case v.view.Kind == inspect.KindCBOR:
		d, _ = v.cbor() // it was parsed before
	case v.c.annotations["dev.cosignproject.cosign/signature"] != "":
		d = inspect.InspectCosign(raw, v.c.annotations)
	default:
		d = inspect.InspectJSON(root, "")
	}
	if subjects := inspect.Subjects(root); d != nil && len(subjects) > 0 && v.c.of != "" {
		d.Sections = append(d.Sections, v.attachedTo(subjects))
	}
	return d
}

// attachedTo says whether a document is about what it is attached to.
func (v *contents) attachedTo(subjects []inspect.Subject) inspect.Section {
	check := inspect.CheckSubjects(subjects, string(v.c.of))
	s := inspect.Section{Title: "Attached to", Fields: []inspect.Field{{Name: "Manifest", Value: inspect.Value{Text: string(v.c.of), Ref: inspect.Ref{Kind: inspect.RefDigest, To: string(v.c.of)}}}}}
	s.Note = "It is about something else than what it is attached to."
	if check.OK {
		s.Note = "It is about what it is attached to: the digest is among its subjects."
	}
	return s
}

// cbor says what is in CBOR, but for its JSON, which has links where it is shown.
func (v *contents) cbor() (*inspect.Doc, error) {
	raw, err := v.all()
	if err != nil {
		return nil, err
	}
	d, err := inspect.InspectCBOR(raw)
	if err != nil || len(d.Sections) < 2 {
		return nil, err
	}
	d.Sections = d.Sections[:len(d.Sections)-1]
	return d, nil
}

// decode adds what a decoder says, if there is one. What cannot be decoded is a note, and shown as bytes.
func (v *contents) decode(name string) error {
	if v.size > maxDocument { // some read all of it
		done, err := v.h.turn(v.r.Context())
		if err != nil {
			return err
		}
		defer done()
	}
	d, err := inspect.Inspect(v.r.Context(), name, v.b, v.size)
	switch {
	case err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return err
	case err != nil:
		v.view.Note = fmt.Sprintf("Not all of it could be decoded: %.200s.", err)
	}
	v.setDoc(d)
	return nil
}

func (v *contents) setDoc(d *inspect.Doc) {
	if d == nil || len(d.Sections) == 0 {
		return
	}
	v.view.Doc = v.h.docView(v.r, v.c, d)
	if d.Command != "" {
		v.view.tail = []string{d.Command}
	}
}

// decodedBy is for forms that one decoder makes.
func decodedBy(decode func([]byte) (*inspect.Doc, error)) func(*contents) error {
	return func(v *contents) error {
		raw, err := v.all()
		if err != nil {
			return err
		}
		d, err := decode(raw)
		if err != nil {
			return unprocessable(fmt.Sprintf("This is not of the form that is asked for: %.200s.", err), "It can be looked at as text or bytes.")
		}
		v.setDoc(d)
		return nil
	}
}

// certificates shows certificates as they come: between lines of dashes, or in DER.
func certificates(raw []byte) (*inspect.Doc, error) {
	if inspect.Detect("", raw[:min(len(raw), inspect.HeadSize)]) == inspect.KindPEM {
		return inspect.InspectPEM(raw)
	}
	return inspect.InspectCertificate(raw)
}

// executable shows what a program is linked of.
func (v *contents) executable() error {
	switch v.view.Kind {
	case inspect.KindELF, inspect.KindMachO, inspect.KindPE:
		return v.decode(v.name)
	}
	return unprocessable("This is no executable.", "It can be looked at as text or bytes.")
}
