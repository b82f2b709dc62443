module httpcount

go 1.17
