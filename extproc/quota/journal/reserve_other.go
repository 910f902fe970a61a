//go:build unix && !linux

package journal

import "os"

// reserve has the file system set blocks aside for a stretch of the file. A
// mapped hole on a full disk is a signal that ends the process; here it is an
// error.
func reserve(f *os.File, offset, size int64) error { return writeZeros(f, offset, size) }
