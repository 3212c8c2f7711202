package inspect

import (
	"strings"
)

// oidValue shows an object identifier by its name, if it is known, and refers to it.
func oidValue(id string) Value {
	v := Value{Text: id, Ref: Ref{RefOID, id}}
	if name := oidName(id); name != "" {
		v.Text, v.Tip = name, id
	}
	return v
}

// OIDDoc returns the page that describes an object identifier in dotted form: that of its specification, or of the public repository of OIDs.
func OIDDoc(id string) string {
	if strings.Trim(id, "0123456789.") != "" || !strings.Contains(id, ".") || len(id) > 256 {
		return ""
	}
	if doc := fulcioDoc(id); doc != "" {
		return doc
	}
	return "https://oid-base.com/get/" + id
}

// oidName returns the name of an object identifier, "" if it is not known.
func oidName(id string) string {
	if name := oidNames[id]; name != "" {
		return name
	}
	if c, ok := fulcioClaims[id]; ok {
		return c.name
	}
	return ""
}

// oidNames are as the specifications and openssl have them.
var oidNames = map[string]string{
	"2.5.4.3": "commonName", "2.5.4.4": "surname", "2.5.4.5": "serialNumber", "2.5.4.6": "countryName", "2.5.4.7": "localityName",
	"2.5.4.8": "stateOrProvinceName", "2.5.4.9": "streetAddress", "2.5.4.10": "organizationName", "2.5.4.11": "organizationalUnitName",
	"2.5.4.12": "title", "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.25": "domainComponent", "0.9.2342.19200300.100.1.1": "userId", "1.2.840.113549.1.9.1": "emailAddress",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionStateOrProvinceName",

	"2.5.29.9": "Subject Directory Attributes", "2.5.29.14": "Subject Key Identifier", "2.5.29.15": "Key Usage", "2.5.29.16": "Private Key Usage Period",
	"2.5.29.17": "Subject Alternative Name", "2.5.29.18": "Issuer Alternative Name", "2.5.29.19": "Basic Constraints", "2.5.29.20": "CRL Number",
	"2.5.29.21": "CRL Reason Code", "2.5.29.28": "Issuing Distribution Point", "2.5.29.30": "Name Constraints", "2.5.29.31": "CRL Distribution Points",
	"2.5.29.32": "Certificate Policies", "2.5.29.33": "Policy Mappings", "2.5.29.35": "Authority Key Identifier", "2.5.29.36": "Policy Constraints",
	"2.5.29.37": "Extended Key Usage", "2.5.29.46": "Freshest CRL", "2.5.29.54": "Inhibit anyPolicy", "2.5.29.32.0": "anyPolicy", "2.5.29.37.0": "any",
	"1.3.6.1.5.5.7.1.1": "Authority Information Access", "1.3.6.1.5.5.7.1.3": "Qualified Certificate Statements", "1.3.6.1.5.5.7.1.11": "Subject Information Access",
	"1.3.6.1.5.5.7.1.24": "TLS Feature", "1.3.6.1.4.1.11129.2.4.2": "Signed Certificate Timestamps", "1.3.6.1.4.1.11129.2.4.3": "CT Precertificate Poison",
	"2.16.840.1.113730.1.1": "Netscape Cert Type", "2.16.840.1.113730.1.13": "Netscape Comment", "1.3.6.1.4.1.311.20.2": "Microsoft Certificate Template Name",
	"1.3.6.1.4.1.311.21.1": "Microsoft CA Version", "1.3.6.1.4.1.311.21.7": "Microsoft Certificate Template",

	"1.3.6.1.5.5.7.3.1": "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.2": "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.3": "Code Signing",
	"1.3.6.1.5.5.7.3.4": "E-mail Protection", "1.3.6.1.5.5.7.3.8": "Time Stamping", "1.3.6.1.5.5.7.3.9": "OCSP Signing",
	"1.3.6.1.5.5.7.48.1": "OCSP", "1.3.6.1.5.5.7.48.2": "CA Issuers", "1.3.6.1.5.5.7.48.3": "Time Stamping", "1.3.6.1.5.5.7.48.5": "CA Repository",
	"1.3.6.1.5.5.7.2.1": "Certification Practice Statement", "1.3.6.1.5.5.7.2.2": "User Notice",
	"2.23.140.1.1": "Extended Validation", "2.23.140.1.2.1": "Domain Validated", "2.23.140.1.2.2": "Organization Validated", "2.23.140.1.2.3": "Individual Validated",
	"2.23.140.1.4.1": "Code Signing (CA/Browser Forum)", "2.23.140.1.3": "Extended Validation Code Signing",

	"1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.4": "MD5 with RSA", "1.2.840.113549.1.1.5": "SHA-1 with RSA", "1.2.840.113549.1.1.7": "RSAES-OAEP",
	"1.2.840.113549.1.1.8": "MGF1", "1.2.840.113549.1.1.10": "RSASSA-PSS", "1.2.840.113549.1.1.11": "SHA-256 with RSA",
	"1.2.840.113549.1.1.12": "SHA-384 with RSA", "1.2.840.113549.1.1.13": "SHA-512 with RSA", "1.2.840.113549.1.1.14": "SHA-224 with RSA",
	"1.2.840.10045.2.1": "EC public key", "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521", "1.3.132.0.33": "P-224", "1.3.132.0.10": "secp256k1",
	"1.2.840.10045.4.1": "ECDSA with SHA-1", "1.2.840.10045.4.3.2": "ECDSA with SHA-256", "1.2.840.10045.4.3.3": "ECDSA with SHA-384", "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
	"1.3.101.110": "X25519", "1.3.101.111": "X448", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "1.2.840.10040.4.1": "DSA", "1.2.840.10040.4.3": "DSA with SHA-1",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
	"1.3.14.3.2.26": "SHA-1", "2.16.840.1.101.3.4.2.1": "SHA-256", "2.16.840.1.101.3.4.2.2": "SHA-384", "2.16.840.1.101.3.4.2.3": "SHA-512", "2.16.840.1.101.3.4.2.4": "SHA-224",
	"1.2.840.113549.2.5": "MD5", "1.2.840.113549.1.5.13": "PBES2", "1.2.840.113549.1.5.12": "PBKDF2",

	"1.2.840.113549.1.7.1": "data", "1.2.840.113549.1.7.2": "signed data", "1.2.840.113549.1.7.3": "enveloped data", "1.2.840.113549.1.7.6": "encrypted data",
	"1.2.840.113549.1.9.3": "content type", "1.2.840.113549.1.9.4": "message digest", "1.2.840.113549.1.9.5": "signing time",
	"1.2.840.113549.1.9.14": "extension request", "1.2.840.113549.1.9.16.1.4": "timestamp info", "1.2.840.113549.1.9.16.2.12": "signing certificate",
	"1.2.840.113549.1.9.16.2.14": "timestamp token", "1.2.840.113549.1.9.16.2.47": "signing certificate v2", "1.2.840.113549.1.9.20": "friendly name",
	"1.2.840.113549.1.9.21": "local key id", "1.2.840.113549.1.9.52": "algorithm protection", "1.3.6.1.4.1.311.2.1.4": "Authenticode",
	"1.3.6.1.4.1.57264.2": "Sigstore timestamps",
}
