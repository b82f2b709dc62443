// SPDX-License-Identifier: Apache-2.0

// A program that is looked at, and not run. What it uses has its code in the file and its types in the DWARF: servers and
// clients of HTTP/1 and 2, and statements of database/sql.
package main

import (
	"database/sql"
	"net/http"
)

func main() {
	db, _ := sql.Open("", "")
	statement, _ := db.Prepare("")
	statement.Query()
	http.Get("")
	http.ListenAndServeTLS("", "", "", http.NewServeMux())
}
