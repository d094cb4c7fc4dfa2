// Package validator stands for gopkg.in/validator.v2, which generated code names and has no rules for.
package validator

// Validate finds nothing wrong.
func Validate(_ interface{}) error { return nil }
