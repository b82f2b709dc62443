module otb/tests/target/go/gcloop

go 1.17
