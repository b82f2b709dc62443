module otb/tests/target/go/gcload

go 1.17
