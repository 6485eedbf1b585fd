//go:build !race

package openapi

import "time"

// convertLimit is how long a document may take to be read.
const convertLimit = 5 * time.Second
