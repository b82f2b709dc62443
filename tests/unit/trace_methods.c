/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a method says: the database of a driver, the type of an error. */
#include <string.h>

#include "cmd/otb-trace/driver.h"
#include "cmd/otb-trace/error_type.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *method, *system;
} drivers[] = {
	{ "github.com/lib/pq.(*conn).Begin", "postgresql" },
	{ "github.com/jackc/pgx/v5/stdlib.(*Conn).Begin", "postgresql" },
	{ "github.com/jackc/pgx/stdlib.(*Conn).Begin", "postgresql" },
	{ "github.com/go-sql-driver/mysql.(*mysqlConn).Begin", "mysql" },
	{ "github.com/mattn/go-sqlite3.(*SQLiteConn).Begin", "sqlite" },
	{ "modernc.org/sqlite.(*conn).Begin", "sqlite" },
	{ "github.com/ncruces/go-sqlite3/driver.(*conn).Begin", "sqlite" },
	{ "github.com/microsoft/go-mssqldb.(*Conn).Begin", "microsoft.sql_server" },
	{ "github.com/denisenkom/go-mssqldb.(*Conn).Begin", "microsoft.sql_server" },
	{ "github.com/godror/godror.(*conn).Begin", "oracle.db" },
	{ "github.com/sijms/go-ora/v2.(*Connection).Begin", "oracle.db" },
	{ "github.com/ClickHouse/clickhouse-go/v2.(*stdDriver).Begin", "clickhouse" },
	{ "github.com/lib/pqx.(*conn).Begin", DRIVER_OTHER },
	{ "example.com/github.com/lib/pq.(*conn).Begin", DRIVER_OTHER },
	{ "github.com/lib/pq", DRIVER_OTHER },
	{ "main.(*conn).Begin", DRIVER_OTHER },
	{ "", DRIVER_OTHER },
};

static const struct {
	const char *method;
	bool is_pointer;
	const char *type;
} errors[] = {
	{ "errors.(*errorString).Error", true, "*errors.errorString" },
	{ "github.com/lib/pq.(*Error).Error", true, "*pq.Error" },
	{ "github.com/lib/pq.(*Refusal).Error", false, "pq.Refusal" },
	{ "github.com/lib/pq.Refusal.Error", false, "pq.Refusal" },
	{ "net/http.(*httpError).Error", true, "*http.httpError" },
	{ "main.(*Generic[go.shape.int]).Error", true, "*main.Generic[go.shape.int]" },
	{ "", true, ERROR_TYPE_OTHER },
	{ "Error", false, ERROR_TYPE_OTHER },
	{ ".Error", false, ERROR_TYPE_OTHER },
	{ "main.(*).Error", true, ERROR_TYPE_OTHER },
	{ "main.(*x.Error", true, ERROR_TYPE_OTHER },
};

int main(void)
{
	char type[ERROR_TYPE_SIZE];

	for (size_t i = 0; i < COUNT(drivers); i++)
		check(!strcmp(driver_system(drivers[i].method), drivers[i].system), "'%s' is of %s", drivers[i].method,
		      driver_system(drivers[i].method));
	for (size_t i = 0; i < COUNT(errors); i++) {
		error_type_of_method(errors[i].method, errors[i].is_pointer, type);
		check(!strcmp(type, errors[i].type), "'%s' is of %s", errors[i].method, type);
	}
	return finish_tests();
}
