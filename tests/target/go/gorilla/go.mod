module otb/tests/target/go/gorilla

go 1.17

require (
	github.com/gorilla/mux v1.7.4
	otb/tests/target/go/shared v0.0.0
)

replace otb/tests/target/go/shared => ../shared
