package mcphost

// loginEnviron returns nil: on Windows every program has the person's PATH.
func loginEnviron([]string) []string { return nil }
