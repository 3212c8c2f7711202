package apk_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A second reading of the rules, written down as apk-v2(5) and apk-package(5) say them and without anything of the package: what apk would do.

// naiveMembers cuts a file into its gzip members.
func naiveMembers(raw []byte) (members [][]byte, plain [][]byte, err error) {
	for len(raw) > 0 {
		src := bytes.NewReader(raw) // has ReadByte, so gzip takes no more than it needs
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, nil, err
		}
		z.Multistream(false)
		p, err := io.ReadAll(z)
		if err != nil {
			return nil, nil, err
		}
		n := len(raw) - src.Len()
		members, plain, raw = append(members, raw[:n]), append(plain, p), raw[n:]
	}
	return members, plain, nil
}

func naiveFiles(plain []byte) (names []string, content map[string][]byte, err error) {
	content = map[string][]byte{}
	for t := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := t.Next()
		if err == io.EOF {
			return names, content, nil
		}
		if err != nil {
			return nil, nil, err
		}
		raw, err := io.ReadAll(t)
		if err != nil {
			return nil, nil, err
		}
		names, content[h.Name] = append(names, h.Name), raw
	}
}

// naiveInstall is what apk does with a package that an index names: identity, and data hash.
func naiveInstall(raw []byte, checksum string, size string) error {
	members, plain, err := naiveMembers(raw)
	if err != nil {
		return err
	}
	if strconv.Itoa(len(raw)) != size {
		return errors.New("size")
	}
	if len(plain) > 0 && strings.HasPrefix(string(plain[0]), ".SIGN.") {
		members, plain = members[1:], plain[1:]
	}
	if len(members) != 2 {
		return fmt.Errorf("%d members", len(members))
	}
	identity := sha1.Sum(members[0])
	if "Q1"+base64.StdEncoding.EncodeToString(identity[:]) != checksum {
		return errors.New("identity")
	}
	_, files, err := naiveFiles(plain[0])
	if err != nil {
		return err
	}
	data := sha256.Sum256(members[1])
	if !strings.Contains("\n"+string(files[".PKGINFO"]), "\ndatahash = "+hex.EncodeToString(data[:])+"\n") {
		return errors.New("datahash")
	}
	return nil
}

// naiveIndex is what apk does with an index: the signature, and the packages by their names. Of those of each package all lines are kept.
func naiveIndex(raw []byte, keyName string, publicPEM []byte) (packages []map[byte]string, err error) {
	members, plain, err := naiveMembers(raw)
	if err != nil {
		return nil, err
	}
	if len(members) != 2 {
		return nil, fmt.Errorf("%d members", len(members))
	}
	names, files, err := naiveFiles(plain[0])
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(publicPEM)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var sum []byte
		var alg crypto.Hash
		switch name {
		case ".SIGN.RSA." + keyName:
			s := sha1.Sum(members[1])
			sum, alg = s[:], crypto.SHA1
		case ".SIGN.RSA256." + keyName:
			s := sha256.Sum256(members[1])
			sum, alg = s[:], crypto.SHA256
		default:
			return nil, fmt.Errorf("signature %s", name)
		}
		if err := rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), alg, sum, files[name]); err != nil {
			return nil, err
		}
	}
	if len(plain[0])%512 != 0 || bytes.Equal(plain[0][len(plain[0])-512:], make([]byte, 512)) {
		return nil, errors.New("the tar archive ends with the signatures")
	}
	_, files, err = naiveFiles(bytes.Join(plain, nil)) // one archive, as tar would read it
	if err != nil {
		return nil, err
	}
	p := map[byte]string{}
	for s := bufio.NewScanner(bytes.NewReader(files["APKINDEX"])); s.Scan(); {
		if s.Text() == "" {
			packages, p = append(packages, p), map[byte]string{}
			continue
		}
		p[s.Text()[0]] = s.Text()[2:]
	}
	return packages, nil
}
