module otb/tests/target/go/reborn

go 1.17
