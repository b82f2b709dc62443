module otb/tests/target/go/nested

go 1.17

require otb/tests/target/go/shared v0.0.0

replace otb/tests/target/go/shared => ../shared
