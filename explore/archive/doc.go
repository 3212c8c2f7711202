// Package archive opens what a blob turns out to be, by its first bytes, as an [fs.FS]: tar and tar.gz without unpacking them, zip, the
// packages of Alpine, Debian and RPM, ar, cpio, a compressed file, any other file.
//
//	first bytes                         format        FS
//	a header of tar with its checksum   tar           files in place
//	1f 8b, then tar                     tar+gzip      files through checkpoints (package zran)
//	1f 8b, then tar with .PKGINFO       apk           the same
//	1f 8b, then 070701                  cpio+gzip     the same
//	1f 8b, then anything                gzip          one file
//	070701 or 070702                    cpio          files in place
//	!<arch>                             ar, deb       members in place; open them in turn
//	ed ab ee db                         rpm           its payload: cpio, in gzip, in bzip2 up to a bound; of others the list in the header
//	PK 03 04                            zip           archive/zip
//	BZh                                 bzip2         in memory, up to a bound
//	28 b5 2f fd, fd 37 7a 58 5a ...     zstd, xz ...  an [UnsupportedError] that names them
//	anything else                       plain         one file
//
// The bytes decide. A hint, which may be a media type or a file name, settles what they leave open, such as an archive of nothing,
// and gives a name to a single file.
//
// An RPM whose payload is in xz, zstd or lzma shows the files that its header lists; reading one is an [UnsupportedError] that names the codec. The members
// of ar, and so of a Debian package, are files themselves: whoever wants to see inside opens them.
//
// All but zip and bzip2 need one pass over the blob, which makes an [Index]: checkpoints into the compressed stream, the table of contents, and the SHA-256
// of the blob and of what it decompresses to. [Open] makes one if it is not given one; [Archive.Index] is what a cache may keep for the next time, as one
// piece of bytes.
package archive
