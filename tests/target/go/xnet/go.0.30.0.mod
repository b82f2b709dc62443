module otb/tests/target/go/xnet

go 1.22

require (
	golang.org/x/net v0.30.0
	otb/tests/target/go/shared v0.0.0
)

require golang.org/x/text v0.19.0 // indirect

replace otb/tests/target/go/shared => ../shared
