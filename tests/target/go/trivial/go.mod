module otb/tests/target/go/trivial

go 1.17
