//go:build !linux

package disk

import (
	"os"
	"path"
)

// renameAt renames between two open directories.
func (t *tree) renameAt(from *dir, oldBase string, to *dir, newBase string) error {
	return t.root.Rename(path.Join(from.name, oldBase), path.Join(to.name, newBase))
}

// startWriteback does nothing where the system has no such request.
func startWriteback(*os.File, int64, int64) {}
