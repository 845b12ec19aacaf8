package tcretry

import _ "embed"

//go:generate go test -run TestTheSchemaIsThatOfTheTypes -update .

//go:embed policy.schema.json
var policySchema string

// PolicySchema returns the JSON Schema, draft 2020-12, of what [ParsePolicy] reads:
// with it an editor completes and checks a policy. It is made from the types. What
// ParsePolicy checks beyond it: that no field is there twice, that a backoff's
// initial is at most its max and both are at most a day, and that whole numbers
// are written without a fraction.
func PolicySchema() string { return policySchema }
