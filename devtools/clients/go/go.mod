module example.com/check

go 1.19

require example.com/longcode v0.0.0

require gopkg.in/validator.v2 v2.0.1 // indirect

replace example.com/longcode => ./generated

// The generated code has no rules that it would check, and so needs nothing from a network.
replace gopkg.in/validator.v2 => ./validator
