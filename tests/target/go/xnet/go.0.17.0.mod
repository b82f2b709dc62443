module otb/tests/target/go/xnet

go 1.21

require (
	golang.org/x/net v0.17.0
	otb/tests/target/go/shared v0.0.0
)

require golang.org/x/text v0.13.0 // indirect

replace otb/tests/target/go/shared => ../shared
