package inspect

import (
	"context"
	"fmt"
	"io"
)

// decoder makes a Doc of a file. What it found before an error may be returned beside the error.
type decoder func(f *file) (*Doc, error)

// decoders are those of all kinds that have one.
var decoders = map[Kind]decoder{
	KindPEM:       decodePEM,
	KindCert:      decodeCert,
	KindDER:       decodeDER,
	KindCBOR:      decodeCBOR,
	KindSSH:       decodeSSH,
	KindJSON:      decodeJSON,
	KindJSONLines: decodeJSONLines,

	KindELF:         decodeELF,
	KindMachO:       decodeMachO,
	KindPE:          decodePE,
	KindWasm:        decodeWasm,
	KindGGUF:        decodeGGUF,
	KindSafetensors: decodeSafetensors,

	KindPNG:  decodePNG,
	KindJPEG: decodeJPEG,
	KindGIF:  decodeGIF,
	KindWebP: decodeWebP,
	KindICO:  decodeICO,
	KindBMP:  decodeBMP,
	KindAVIF: decodeAVIF,
	KindSVG:  decodeSVG,

	KindClass:   decodeClass,
	KindPyc:     decodePyc,
	KindSQLite:  decodeSQLite,
	KindLdCache: decodeLdCache,
	KindTZif:    decodeTZif,
	KindGitPack: decodeGit,
	KindGitIdx:  decodeGit,

	KindArchive:   decodeArchive,
	KindDpkg:      decodeDpkg,
	KindApk:       decodePackages,
	KindPkgInfo:   decodePkgInfo,
	KindOSRelease: decodeOSRelease,
	KindPasswd:    decodePasswd,
	KindGroup:     decodeGroup,
	KindChart:     decodeChart,
	KindScript:    decodeScript,
}

// Inspect decodes the size bytes of r, of which name is a path or a media type that settles what the bytes leave open. The Doc is nil for
// kinds that are shown as text or bytes only. With an error there may be a Doc of what could be read. The errors wrap [ErrSyntax],
// [ErrLimit], ctx's, or those of r. It reads up to 64 MiB, mostly far less, in blocks.
func Inspect(ctx context.Context, name string, r io.ReaderAt, size int64) (*Doc, error) {
	f := newFile(ctx, name, r, size)
	head, err := f.bytes(0, min(size, HeadSize))
	if err != nil {
		return nil, err
	}
	decode := decoders[Detect(name, head)]
	if decode == nil {
		return nil, nil
	}
	d, err := decode(f)
	if err == nil {
		err = f.err
	}
	if err != nil {
		err = fmt.Errorf("inspect: %w", err)
	}
	return d, err
}
