// Package repodata makes metadata of RPM repositories that changes again and again, and reads it as librepo does. It uses none of the packages that it tests.
package repodata
