module otb/tests/target/go/gorilla

go 1.24.0

require (
	github.com/gorilla/mux v1.8.1
	otb/tests/target/go/shared v0.0.0
)

replace otb/tests/target/go/shared => ../shared
