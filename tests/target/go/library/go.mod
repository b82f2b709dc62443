module library

go 1.17
