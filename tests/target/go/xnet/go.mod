module otb/tests/target/go/xnet

go 1.17

require (
	golang.org/x/net v0.7.0
	otb/tests/target/go/shared v0.0.0
)

require golang.org/x/text v0.7.0 // indirect

replace otb/tests/target/go/shared => ../shared
