package auth

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// One line each: the password, quoted, and its hash. bcrypt: from Openwall's crypt_blowfish and jBCrypt. SHA-crypt: from
// Drepper's specification. MD5: from `openssl passwd`. SHA-1: from `htpasswd -s`. PBKDF2: from Python's hashlib.
const published = `
"U*U" $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW
"U*U" $2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW
"U*U*" $2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK
"U*U*U" $2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a
"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored" $2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui
"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" $2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui
"\xff\xff\xa3" $2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e
"\xa3" $2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq
"" $2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy
"a" $2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe
"Hello world!" $5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5
"Hello world!" $5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA
"This is just a test" $5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5
"a very much longer text to encrypt.  This one even stretches over morethan one line." $5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1
"the minimum number is still observed" $5$rounds=10$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC
"Hello world!" $6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1
"This is just a test" $6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0
"a very much longer text to encrypt.  This one even stretches over morethan one line." $6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1
"the minimum number is still observed" $6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.
"myPassword" $apr1$xxxxxxxx$RKMOWWMKN4Ts9r6E5noqv0
"" $apr1$a$lsAcX0kKaMIVmrCtUuk5b0
"password" $1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.
"secret" {SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
"secret" {SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0
"password" $pbkdf2-sha512$1000$TmFDbE5hQ2xOYUNsTmFDbA$W6giDL7nF2iOFI5.6A/rXwjeNe3dUfXtSeHwdgBxGxo7dPTWFafxcfgx.Th8EWqnizKjq82dLurk8uJBEeJ/Bw
"password" $pbkdf2-sha256$1$c2FsdA$Eg.2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs
"пароль" $pbkdf2-sha256$4096$....IHNhbHQ$sLuiWatx2ZH5jUkduuF9N19OiTU1Tj4KvuSaqDz7FUA
`

func TestPublishedHashes(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(published)) {
		i := strings.LastIndexByte(line, '"') + 1
		var password string
		fmt.Sscanf(line[:i], "%q", &password)
		text := strings.TrimSpace(line[i:])
		h, err := parseHash(text)
		if err != nil {
			t.Errorf("parseHash(%q) = %v", text, err)
			continue
		}
		if !h.verify(password) {
			t.Errorf("%s: verify(%q) = false", text, password)
		}
		if wrong := "x" + password; h.verify(wrong) {
			t.Errorf("%s: verify(%q) = true", text, wrong)
		}
	}
}

func TestUnusableHashes(t *testing.T) {
	for _, tt := range []struct{ hash, want string }{
		{"", "there is no hash"},
		{"secret", "plain text"},
		{"SVVyYz9JInSVs", "plain text or a crypt(3) hash of the DES kind"},
		{"$", "plain text"},
		{"$y$j9T$abc$def", "$y$ are not known"},
		{"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "$argon2id$ are not known"},
		{"$\x1b[31m$", "$?[31m$ are not known"},
		{"$2y$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "cost 17 takes too long"},
		{"$2y$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "at least 04"},
		{"$2y$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "cost of two digits"},
		{"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", "60 characters"},
		{"$2y$05$CCCCCCCCCCCCCCCCCCCCC!E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "character"},
		{"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO\ne", "character"},
		{"$5$rounds=2000001$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "at most 2000000 rounds"},
		{"$5$rounds=x$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "rounds"},
		{"$5$saltsaltsaltsalts$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "at most 16 characters"},
		{"$6$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "a sum of 86"},
		{"$6$", "a sum of 86"},
		{"$5$salt$!B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "a sum of 43"},
		{"$apr1$xxxxxxxx$RKMOWWMKN4Ts9r6E5noqv", "a sum of 22"},
		{"$1$xxxxxxxxx$RKMOWWMKN4Ts9r6E5noqv0", "at most 8"},
		{"{SHA}c2VjcmV0", "{SHA} is not followed"},
		{"{SHA}!", "{SHA} is not followed"},
		{"{SSHA}c2VjcmV0", "{SSHA} is not followed"},
		{"$pbkdf2-sha512$1000$TmFD", "ITERATIONS"},
		{"$pbkdf2-sha512$0$TmFD$TmFD", "1 to 5000000"},
		{"$pbkdf2-sha512$5000001$TmFD$TmFD", "1 to 5000000"},
		{"$pbkdf2-sha512$1$T=$TmFD", "salt"},
		{"$pbkdf2-sha512$1$TmFD$TmFD", "not 64 bytes"},
	} {
		_, err := parseHash(tt.hash)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parseHash(%q) = %v, want %q in it", tt.hash, err, tt.want)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	text, err := Hash("correct horse")
	if err != nil || !strings.HasPrefix(text, "$pbkdf2-sha512$210000$") {
		t.Fatalf("Hash = %q, %v", text, err)
	}
	h, err := parseHash(text)
	if err != nil || !h.verify("correct horse") {
		t.Fatalf("parseHash(%q) = %v, %v", text, h, err)
	}
	for _, password := range []string{"", "a\x00b", "a\nb", strings.Repeat("x", 1025)} {
		if text, err := Hash(password); err == nil {
			t.Errorf("Hash(%.16q) = %q, want an error", password, text)
		}
	}
}

// TestPiTables compares the ends of what is computed with the tables that Schneier published.
func TestPiTables(t *testing.T) {
	b := initial()
	for _, tt := range []struct {
		name      string
		got, want uint32
	}{
		{"P[0]", b.p[0], 0x243f6a88},
		{"P[17]", b.p[17], 0x8979fb1b},
		{"S1[0]", b.s[0][0], 0xd1310ba6},
		{"S1[255]", b.s[0][255], 0x6e85076a},
		{"S2[0]", b.s[1][0], 0x4b7a70e9},
		{"S3[0]", b.s[2][0], 0xe93d5a68},
		{"S4[0]", b.s[3][0], 0x3a39ce37},
		{"S4[255]", b.s[3][255], 0x3ac372e6},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %08x, want %08x", tt.name, tt.got, tt.want)
		}
	}
}

// TestBlowfish uses vectors of Eric Young's, which Schneier published: key, plain text, cipher text.
func TestBlowfish(t *testing.T) {
	for _, tt := range []struct{ key, plain, want [2]uint32 }{
		{[2]uint32{0, 0}, [2]uint32{0, 0}, [2]uint32{0x4ef99745, 0x6198dd78}},
		{[2]uint32{0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff}, [2]uint32{0x51866fd5, 0xb85ecb8a}},
		{[2]uint32{0x30000000, 0}, [2]uint32{0x10000000, 1}, [2]uint32{0x7d856f9a, 0x613063f2}},
	} {
		var key [18]uint32
		for i := range key {
			key[i] = tt.key[i%2]
		}
		b := *initial()
		b.expand(&key, new([4]uint32))
		l, r := b.encrypt(tt.plain[0], tt.plain[1])
		if got := [2]uint32{l, r}; got != tt.want {
			t.Errorf("key %08x: encrypt(%08x) = %08x, want %08x", tt.key, tt.plain, got, tt.want)
		}
	}
}

// TestKinds: what takes another time is another kind, or unknown users could be told from others.
func TestKinds(t *testing.T) {
	seen := make(map[string]string)
	for _, hash := range []string{
		bcryptUU, strings.Replace(bcryptUU, "$05$", "$06$", 1), shaABC,
		"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
		"$5$rounds=5001$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
		"$6$" + "s$" + strings.Repeat("x", 86),
		"$apr1$xxxxxxxx$RKMOWWMKN4Ts9r6E5noqv0",
		"$pbkdf2-sha256$1$c2FsdA$Eg.2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs",
		"$pbkdf2-sha256$2$c2FsdA$Eg.2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs",
	} {
		h, err := parseHash(hash)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[h.kind()]; ok {
			t.Errorf("%s and %s are both of the kind %s", hash, other, h.kind())
		}
		seen[h.kind()] = hash
	}
	a, _ := parseHash(bcryptUU)
	b, _ := parseHash(strings.Replace(bcryptUU, "$2y$", "$2a$", 1))
	if a.kind() != b.kind() {
		t.Errorf("$2y$ is of the kind %s, $2a$ of %s", a.kind(), b.kind())
	}
}

func BenchmarkBcrypt(b *testing.B) {
	h, err := parseHash(strings.Replace(bcryptUU, "$05$", "$10$", 1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h.verify("U*U")
	}
}

func BenchmarkPiTables(b *testing.B) {
	for b.Loop() {
		piFraction((18 + 4*256) * 32)
	}
}

// TestOtherPrograms verifies lines that Apache's htpasswd and openssl have written this moment.
func TestOtherPrograms(t *testing.T) {
	const password = `s3cret: "пароль" $HOME`
	for _, command := range []string{
		"htpasswd -nbB -C 5 alice", "htpasswd -nbm alice", "htpasswd -nbs alice", "htpasswd -nb5 alice", "htpasswd -nb2 alice",
		"openssl passwd -apr1", "openssl passwd -1", "openssl passwd -5", "openssl passwd -6",
		"mkpasswd -m sha-512 -R 1500", "mkpasswd -m bcrypt-a -R 5",
	} {
		t.Run(command, func(t *testing.T) {
			words := strings.Fields(command)
			if _, err := exec.LookPath(words[0]); err != nil {
				t.Skipf("%s is not installed: its hashes are compared where it is", words[0])
			}
			out, err := exec.Command(words[0], append(words[1:], password)...).Output()
			if err != nil {
				t.Skipf("%s: %v: this version does not know that kind", command, err)
			}
			_, text, ok := strings.Cut(strings.TrimSpace(string(out)), "alice:")
			if !ok {
				text = strings.TrimSpace(string(out))
			}
			h, err := parseHash(text)
			if err != nil || !h.verify(password) || h.verify(password+"x") {
				t.Errorf("%s wrote %q: parseHash = %v, verify(right) or verify(wrong) is wrong", command, text, err)
			}
		})
	}
}
