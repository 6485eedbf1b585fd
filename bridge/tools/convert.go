package tools

// convert writes a tool in a dialect.
func convert(t Tool, d Dialect) conversion {
	return conversion{description: describe(t), parameters: objectSchema(t.InputSchema)}
}
