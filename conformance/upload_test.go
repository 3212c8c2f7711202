package conformance

import "testing"

func TestUpload(t *testing.T) { // end-4, end-5, end-6, end-13, end-14
	runScripts(t, []scriptCase{
		{"post and put", "", `
			POST /v2/$r/blobs/uploads/        => 202 | Location: ~[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} | Location: >u
			PUT $u?digest=$sha256(hello) | Content-Type: application/octet-stream | Body: hello => 201 | Docker-Content-Digest: $sha256(hello) | Location: >b
			GET $b                            => 200 | Body: hello
			GET /v2/$r/blobs/$sha256(hello)   => 200 | Body: hello
			# the session ended
			GET $u                            => 404 BLOB_UPLOAD_UNKNOWN
			PUT $u?digest=$sha256(hello)      => 404 BLOB_UPLOAD_UNKNOWN`},
		{"single post", "", `
			POST /v2/$r/blobs/uploads/?digest=$sha256(hello) | Body: hello => 201 | Location: >b | Docker-Content-Digest: $sha256(hello)
			GET $b                                                         => 200 | Body: hello
			POST /v2/$r/blobs/uploads/?digest=$sha512(hello) | Body: hello => 201 | Location: >b | Docker-Content-Digest: $sha512(hello)
			GET $b                                                         => 200 | Body: hello
			POST /v2/$r/blobs/uploads/?digest=$sha256()                    => 201 | Location: >b
			HEAD $b                                                        => 200 | Content-Length: 0`},
		{"single post that is wrong", "", `
			POST /v2/$r/blobs/uploads/?digest=$sha256(hello) | Body: hellp => 400 DIGEST_INVALID
			GET /v2/$r/blobs/$sha256(hello)                                => 404
			GET /v2/$r/blobs/$sha256(hellp)                                => 404
			POST /v2/$r/blobs/uploads/?digest=md5:5d41402abc4b2a76b9719d911017c592 | Body: hello => 400 DIGEST_INVALID
			POST /v2/$r/blobs/uploads/?digest=sha256:abc | Body: hello     => 400 DIGEST_INVALID`},
		{"chunks", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			GET $u                                                  => 204 | Location: * | Range: ~^0-(-1|0)$
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Range: 0-3 | Location: >u
			PATCH $u | Content-Range: 4-7 | Body: 4567              => 202 | Range: 0-7 | Location: >u
			GET $u                                                  => 204 | Range: 0-7 | Location: >u
			PUT $u?digest=$sha256(0123456789) | Content-Range: 8-9 | Body: 89 => 201 | Location: >b
			GET $b                                                  => 200 | Body: 0123456789`},
		{"chunks and an empty put", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PUT $u?digest=$sha256(0123)                             => 201
			GET /v2/$r/blobs/$sha256(0123)                          => 200 | Body: 0123`},
		{"a stream", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Body: 0123 | Transfer-Encoding: chunked      => 202 | Range: 0-3 | Location: >u
			PATCH $u | Body: 4567 | Transfer-Encoding: chunked      => 202 | Range: 0-7 | Location: >u
			PUT $u?digest=$sha256(0123456789) | Body: 89 | Transfer-Encoding: chunked => 201
			GET /v2/$r/blobs/$sha256(0123456789)                    => 200 | Body: 0123456789`},
		{"sha512", "", `
			POST /v2/$r/blobs/uploads/?digest-algorithm=sha512      => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PUT $u?digest=$sha512(0123)                             => 201 | Docker-Content-Digest: $sha512(0123) | Location: >b
			GET $b                                                  => 200 | Body: 0123 | Docker-Content-Digest: $sha512(0123)
			# without the hint
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PUT $u?digest=$sha512(4567) | Body: 4567                => 201
			GET /v2/$r/blobs/$sha512(4567)                          => 200 | Body: 4567
			POST /v2/$r/blobs/uploads/?digest-algorithm=sha512      => 202 | Location: >u
			PUT $u?digest=$sha256(89) | Body: 89                    => 201|400
			POST /v2/$r/blobs/uploads/?digest-algorithm=md5         => 400`},
		{"chunks at the wrong place", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 4-7 | Body: 4567              => 416
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 416
			GET $u                                                  => 204 | Range: 0-3
			PATCH $u | Content-Range: 8-9 | Body: 89                => 416
			PATCH $u | Content-Range: 2-5 | Body: 2345              => 416
			GET $u                                                  => 204 | Range: 0-3
			PATCH $u | Content-Range: 4-7 | Body: 4567              => 202 | Location: >u
			PUT $u?digest=$sha256(01234567)                         => 201
			GET /v2/$r/blobs/$sha256(01234567)                      => 200 | Body: 01234567`},
		{"content-range that does not fit", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PATCH $u | Content-Range: 4-9 | Body: 4567              => 416
			PATCH $u | Content-Range: 4-5 | Body: 4567              => 416
			PATCH $u | Content-Range: 4-9 | Body: 4567 | Transfer-Encoding: chunked => 416|400
			PATCH $u | Content-Range: 4-5 | Body: 4567 | Transfer-Encoding: chunked => 416|400
			PATCH $u | Content-Range: abc | Body: 4567              => 416
			PATCH $u | Content-Range: 4- | Body: 4567               => 416
			PATCH $u | Content-Range: -7 | Body: 4567               => 416
			PATCH $u | Content-Range: 7-4 | Body: 4567              => 416
			PATCH $u | Content-Range: +4-7 | Body: 4567             => 416
			PATCH $u | Content-Range: 4-7, 8-9 | Body: 4567         => 416
			PATCH $u | Content-Range: 0x4-0x7 | Body: 4567          => 416
			PATCH $u | Content-Range: 4-99999999999999999999 | Body: 4567 => 416
			PATCH $u | Content-Range: 18446744073709551620-18446744073709551623 | Body: 4567 => 416
			GET $u                                                  => 204 | Range: 0-3
			PATCH $u | Content-Range: 4-7 | Body: 4567              => 202 | Range: 0-7 | Location: >u
			PUT $u?digest=$sha256(01234567)                         => 201`},
		{"closing at the wrong place", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PUT $u?digest=$sha256(01234567) | Content-Range: 5-7 | Body: 567  => 416
			PUT $u?digest=$sha256(01234567) | Content-Range: 0-3 | Body: 0123 => 416
			PUT $u?digest=$sha256(01234567) | Content-Range: abc | Body: 4567 => 416
			GET $u                                                  => 204 | Range: 0-3
			PUT $u?digest=$sha256(01234567) | Content-Range: 4-7 | Body: 4567 => 201
			GET /v2/$r/blobs/$sha256(01234567)                      => 200 | Body: 01234567`},
		{"closing with a wrong digest", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			PUT $u                                                  => 400 DIGEST_INVALID
			PUT $u?digest=                                          => 400 DIGEST_INVALID
			PUT $u?digest=0123                                      => 400 DIGEST_INVALID
			PUT $u?digest=md5:eb62f6b9306db575c2d596b1279627a4      => 400 DIGEST_INVALID
			PUT $u?digest=sha256:$rep(A,64)                         => 400 DIGEST_INVALID
			PUT $u?digest=$sha256(other)                            => 400 DIGEST_INVALID
			GET /v2/$r/blobs/$sha256(other)                         => 404
			GET /v2/$r/blobs/$sha256(0123)                          => 404
			GET $u                                                  => 204 | Range: 0-3
			PUT $u?digest=$sha256(0123)                             => 201
			GET /v2/$r/blobs/$sha256(0123)                          => 200 | Body: 0123`},
		{"closing body with a wrong digest", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PUT $u?digest=$sha256(other) | Body: 0123               => 400 DIGEST_INVALID
			GET /v2/$r/blobs/$sha256(other)                         => 404
			GET /v2/$r/blobs/$sha256(0123)                          => 404`},
		{"a session of another repository", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202 | Location: >u
			GET $u_of_r2                                            => 404 BLOB_UPLOAD_UNKNOWN
			PATCH $u_of_r2 | Content-Range: 4-7 | Body: 4567        => 404 BLOB_UPLOAD_UNKNOWN
			PUT $u_of_r2?digest=$sha256(0123)                       => 404 BLOB_UPLOAD_UNKNOWN
			DELETE $u_of_r2                                         => 404 BLOB_UPLOAD_UNKNOWN
			GET $u                                                  => 204 | Range: 0-3
			PUT $u?digest=$sha256(0123)                             => 201
			GET /v2/$r2/blobs/$sha256(0123)                         => 404`},
		{"cancel", "", `
			POST /v2/$r/blobs/uploads/                              => 202 | Location: >u
			PATCH $u | Content-Range: 0-3 | Body: 0123              => 202
			DELETE $u                                               => 204 | Body: !
			GET $u                                                  => 404 BLOB_UPLOAD_UNKNOWN
			PATCH $u | Content-Range: 4-7 | Body: 4567              => 404 BLOB_UPLOAD_UNKNOWN
			PUT $u?digest=$sha256(0123)                             => 404 BLOB_UPLOAD_UNKNOWN
			DELETE $u                                               => 404 BLOB_UPLOAD_UNKNOWN
			GET /v2/$r/blobs/$sha256(0123)                          => 404`},
		{"no such session", "", `
			GET /v2/$r/blobs/uploads/$uuid                          => 404 BLOB_UPLOAD_UNKNOWN
			PATCH /v2/$r/blobs/uploads/$uuid | Body: x              => 404 BLOB_UPLOAD_UNKNOWN
			PUT /v2/$r/blobs/uploads/$uuid?digest=$sha256(x) | Body: x => 404 BLOB_UPLOAD_UNKNOWN
			DELETE /v2/$r/blobs/uploads/$uuid                       => 404 BLOB_UPLOAD_UNKNOWN
			GET /v2/$r/blobs/uploads/..                             => 400|404
			GET /v2/$r/blobs/uploads/%2e%2e                         => 400|404
			DELETE /v2/$r/blobs/uploads/%2e%2e%2f%2e%2e             => 400|404
			DELETE /v2/$r/blobs/uploads/.                           => 400|404`},
		{"nothing comes into being by a session", "", `
			POST /v2/$r/blobs/uploads/                              => 202
			GET /v2/$r/tags/list                                    => 404 NAME_UNKNOWN`},
	})
}

func TestMount(t *testing.T) { // end-11
	runScripts(t, []scriptCase{
		{"from", "", `
			LET b = mount from $r
			BLOB $r2 $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)&from=$r2 => 201 | Location: ~/v2/$r/blobs/$sha256($b)$ | Location: >l | Docker-Content-Digest: $sha256($b)
			GET $l                                                => 200 | Body: $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)&from=$r  => 201`},
		{"sha512", "", `
			LET b = mount 512 $r
			POST /v2/$r2/blobs/uploads/?digest=$sha512($b) | Body: $b => 201
			POST /v2/$r/blobs/uploads/?mount=$sha512($b)&from=$r2 => 201 | Location: >l
			GET $l                                                => 200 | Body: $b`},
		{"without from", "", `
			LET b = mount without $r
			BLOB $r2 $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)          => 201 | Location: >l
			GET $l                                                => 200 | Body: $b
			POST /v2/$r/blobs/uploads/?mount=$absent              => 202 | Location: *`},
		{"from where it is not", "", `
			LET b = mount absent $r
			BLOB $r2 $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)&from=$r-none => 202 | Location: >u
			GET /v2/$r/blobs/$sha256($b)                          => 404
			PUT $u?digest=$sha256($b) | Body: $b                  => 201
			POST /v2/$r/blobs/uploads/?mount=$absent&from=$r2     => 202 | Location: >u
			PUT $u?digest=$sha256(x) | Body: x                    => 201`},
		{"bad", "", `
			POST /v2/$r/blobs/uploads/?mount=sha256:abc&from=$r2  => 400 DIGEST_INVALID
			POST /v2/$r/blobs/uploads/?mount=md5:$rep(a,32)       => 400 DIGEST_INVALID
			POST /v2/$r/blobs/uploads/?mount=$absent&from=..      => 202|400
			POST /v2/$r/blobs/uploads/?mount=$absent&from=%2e%2e%2fetc => 202|400`},
		{"delete of a mounted one", "delete", `
			LET b = mount delete $r
			BLOB $r2 $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)&from=$r2 => 201
			DELETE /v2/$r/blobs/$sha256($b)                       => 202
			GET /v2/$r/blobs/$sha256($b)                          => 404
			HEAD /v2/$r/blobs/$sha256($b)                         => 404
			GET /v2/$r2/blobs/$sha256($b)                         => 200 | Body: $b
			POST /v2/$r/blobs/uploads/?mount=$sha256($b)&from=$r2 => 201
			DELETE /v2/$r2/blobs/$sha256($b)                      => 202
			GET /v2/$r/blobs/$sha256($b)                          => 200 | Body: $b`},
	})
}
