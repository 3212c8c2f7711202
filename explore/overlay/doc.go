// Package overlay lays the layers of a container's image over each other and shows what comes out as a file system, together with what
// does not come out: files that a layer has and a higher one deleted or replaced, which are shipped all the same.
//
//	layer 2   app/.wh.tmp  app/run        app/run   live, of layer 2
//	layer 1   app/tmp      app/run   ──>  app/run   overwritten by layer 2
//	layer 0   app/                        app/tmp   deleted by layer 2, app/.wh.tmp
//
// Layers are numbered from 0, the lowest. The rules are those of the OCI image specification, layer.md, "Applying Changesets":
//
//   - ".wh.NAME" deletes NAME, with all below it, of lower layers. A NAME of the same layer stays.
//   - ".wh..wh..opq" deletes what lower layers have in its directory.
//   - A directory over a directory is one directory with the attributes of the higher; one that is only implied by what lies in it has
//     none and changes none. Every other pair replaces: a symbolic link over a directory ends what was below it, and a directory, also
//     an implied one, over a symbolic link is a directory.
//   - What lies below a name that begins with ".wh..wh." belongs to aufs and is never live.
//
// A hard link is the file that its name meant when its layer was laid on: one of its own layer, or else what was live in the layers below.
// Symbolic links are followed inside the root, from layer to layer, at most 40 of them.
//
// Nothing is merged before it is asked for, and then only the directories that are asked for: entries are read from the tables of the
// layers (see [vitrine/explore/tarfs]) as a listing goes on.
package overlay
