// Package rpm reads RPM packages, and reads and writes the metadata of the repositories they come from.
//
// A package is, with all numbers big-endian (https://rpm-software-management.github.io/rpm/manual/format_v4.html),
//
//	lead         96 bytes, of which only the magic means anything today
//	signature    a header; padded to a multiple of 8
//	header       a header: all that is known about the package     [HeaderStart, HeaderEnd)
//	payload      an archive of cpio, compressed                    from HeaderEnd on
//
//	header:  8e ad e8 01, 4 bytes of zeros | entries u32, bytes of data u32 | entries of 16 bytes | data
//	entry:   tag, type, offset in the data, count: u32 each
//
// [Read] reads all but the payload; what it returns has methods for what packages say, and [Package.Verify] for the digests they bring.
//
// A repository is a set of files of which one, repomd.xml, names the others by checksum:
//
//	repodata/repomd.xml
//	         CHECKSUM-primary.xml.gz      a <package> each: what a resolver asks for first
//	         CHECKSUM-filelists.xml.gz    all files
//	         CHECKSUM-other.xml.gz        the changelog
//
// [ParseRepomd] and [ReadPrimary], [ReadFilelists], [ReadOther] read them, one package in memory; [Build] makes all files of one generation, of packages, of
// other repositories, or of both.
package rpm
