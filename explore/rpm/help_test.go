package rpm

import "crypto/sha256"

func sumOf(b []byte) Checksum { return SHA256(sha256.Sum256(b)) }
