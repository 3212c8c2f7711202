// Package tarfs shows a tar archive as a file system without unpacking it.
//
// [Index] reads an archive once, from its first byte to its last, and makes a [Table]: what every entry is, where its header and its
// content stand, and the SHA-256 of the content and of the whole stream. A table is a sorted binary file. [OpenTable] opens a stored one
// without reading more than its directory, so that one file of a million costs a search and one small block:
//
//	tar stream ── Index ──> Table ── WriteTo ──> a file ── OpenTable ──> Table ┐
//	tar bytes (io.ReaderAt) ──────────────────────────────────────────── New ──┴─> FS
//
// The stream may come out of a decompressor; [New] wants the same bytes again as an [io.ReaderAt].
//
// # What is read
//
// USTAR, PAX, GNU and old V7 archives, as archive/tar reads them: long names and links, base-256 numbers, PAX records, sparse files of
// GNU tar (the old format and PAX 0.0, 0.1 and 1.0). What archive/tar refuses is an [Error] with the offset of the header.
// The archive ends at two blocks of zeros; what follows counts for the digest of the stream alone.
//
// # Names
//
// A path of an [FS] is made from the recorded name so that it satisfies [fs.ValidPath] and never leaves the root:
//
//   - "./a", "/a", "a/", "a//b/../c" are cleaned; ".." at the root stays there, as in a chroot: "../../etc/passwd" is etc/passwd;
//   - a byte that is not UTF-8 is shown as U+FFFD and two hex digits (see [Escape]), which [Unescape] turns back;
//   - the recorded name stays in [Entry.Name].
//
// Of several entries with one path the last wins; [FS.Overwritten] has the others. A directory that is missing is made up. A path that others lie
// below is a directory, whatever else the archive says: an entry of another type there counts as overwritten.
//
// A hard link is the file that its name meant at that point of the archive. A link whose target is not in the archive (in a container's layer
// it is in a layer below) is irregular and cannot be opened. Symbolic links are followed inside the root, at most 40 of them.
package tarfs
