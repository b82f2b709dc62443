module otb/tests/target/go/chi

go 1.22

require (
	github.com/go-chi/chi/v5 v5.0.12
	otb/tests/target/go/shared v0.0.0
)

replace otb/tests/target/go/shared => ../shared
