/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.system.name of a database/sql driver, from the package that its connection is a type of. The names are those of
 * OpenTelemetry's conventions (1.44, docs/registry/attributes/db.md); a database that speaks another one's protocol goes
 * by that one's name, since all that is known is the driver.
 */
#ifndef OTB_TRACE_DRIVER_H
#define OTB_TRACE_DRIVER_H

#define DRIVER_OTHER "other_sql" /* what the conventions say of a database that speaks SQL, where no more is known */

/* From the name of one of the connection's methods, as in the pclntab: "github.com/lib/pq.(*conn).Begin". Never NULL. */
const char *driver_system(const char *method);

#endif
