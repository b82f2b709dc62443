module otb/tests/target/go/called

go 1.17
