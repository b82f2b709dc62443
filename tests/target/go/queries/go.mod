module otb/tests/target/go/queries

go 1.17

require (
	github.com/lib/pq v0.0.0
	otb/tests/target/go/shared v0.0.0
)

replace (
	github.com/lib/pq => ./pq
	otb/tests/target/go/shared => ../shared
)
