module otb/tests/target/go/shared

go 1.17
