/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/driver.h"

#include <string.h>

static const struct driver {
	const char *package; /* and those below it: major versions, parts */
	const char *system;
} drivers[] = {
	{ "github.com/jackc/pgx", "postgresql" },
	{ "github.com/lib/pq", "postgresql" },
	{ "github.com/uptrace/bun/driver/pgdriver", "postgresql" },
	{ "github.com/go-sql-driver/mysql", "mysql" },
	{ "github.com/go-mysql-org/go-mysql", "mysql" },
	{ "github.com/ziutek/mymysql", "mysql" },
	{ "github.com/mattn/go-sqlite3", "sqlite" },
	{ "modernc.org/sqlite", "sqlite" },
	{ "github.com/glebarez/go-sqlite", "sqlite" },
	{ "github.com/ncruces/go-sqlite3", "sqlite" },
	{ "github.com/microsoft/go-mssqldb", "microsoft.sql_server" },
	{ "github.com/denisenkom/go-mssqldb", "microsoft.sql_server" },
	{ "github.com/godror/godror", "oracle.db" },
	{ "github.com/sijms/go-ora", "oracle.db" },
	{ "github.com/mattn/go-oci8", "oracle.db" },
	{ "github.com/ClickHouse/clickhouse-go", "clickhouse" },
	{ "github.com/mailru/go-clickhouse", "clickhouse" },
	{ "github.com/trinodb/trino-go-client", "trino" },
	{ "github.com/googleapis/go-sql-spanner", "gcp.spanner" },
	{ "github.com/SAP/go-hdb", "sap.hana" },
	{ "github.com/ibmdb/go_ibm_db", "ibm.db2" },
	{ "github.com/nakagami/firebirdsql", "firebirdsql" },
};

const char *driver_system(const char *method)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		size_t length = strlen(drivers[i].package);

		if (!strncmp(method, drivers[i].package, length) && (method[length] == '.' || method[length] == '/'))
			return drivers[i].system;
	}
	return DRIVER_OTHER;
}
